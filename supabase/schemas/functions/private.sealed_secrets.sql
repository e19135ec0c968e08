create function private.sealed_secrets(p_agent_id uuid) returns table(tool_id uuid, sealed_secret bytea)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id, t.sealed_secret from public.agent_tools t
  where t.sealed_secret is not null and t.agent_id = p_agent_id
$$;
comment on function private.sealed_secrets(uuid) is
  'The secrets of an agent''s tools, encrypted with SECRET_KEY; for the server alone.';
grant execute on function private.sealed_secrets(uuid) to floorwalker_web;
