create function private.in_hours(p_from time, p_until time, p_zone text, p_at timestamptz) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case when p_from < p_until then t.clock >= p_from and t.clock < p_until else t.clock >= p_from or t.clock < p_until end
  from (select pg_catalog.timezone(p_zone, p_at)::time as clock) t
$$;
comment on function private.in_hours(time, time, text, timestamptz) is
  'Whether this moment is between two times of day in a zone; the second may be after midnight. Null without them.';
