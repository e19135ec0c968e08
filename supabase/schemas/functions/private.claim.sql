create function private.claim(p_name text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> p_name
$$;
comment on function private.claim(text) is
  'One claim of the present transaction; null when there is none.';
grant execute on function private.claim(text) to agent_runtime, authenticated, floorwalker_web, service_role;
