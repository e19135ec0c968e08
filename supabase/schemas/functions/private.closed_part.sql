create function private.closed_part(p_since timestamptz, p_until timestamptz, out since timestamptz, out until timestamptz, out sign integer)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_day timestamptz := pg_catalog.date_trunc('day', pg_catalog.now(), 'UTC');
begin
  if p_until <= pg_catalog.now() then
    since := p_since; until := p_until; sign := 1;
  elsif p_since <= v_day then
    since := p_since; until := v_day; sign := 1;
  else
    since := v_day; until := p_since; sign := -1;
  end if;
end $$;
comment on function private.closed_part(timestamptz, timestamptz) is
  'The part of a range that no longer grows, and its sign. A range that goes on consists of this part and the present UTC day; where it begins within that day, the part before it is taken away.';
