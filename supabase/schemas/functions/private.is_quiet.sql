create function private.is_quiet(p_from time, p_until time, p_zone text, p_at timestamptz) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case when p_from is null then false
    when p_from < p_until then t.clock >= p_from and t.clock < p_until
    else t.clock >= p_from or t.clock < p_until end
  from (select pg_catalog.timezone(p_zone, p_at)::time as clock) t
$$;
comment on function private.is_quiet(time, time, text, timestamptz) is
  'Whether this moment is in quiet hours, which may pass midnight. Never without quiet hours.';
