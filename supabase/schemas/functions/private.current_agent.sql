create function private.current_agent() returns uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select k.agent_id from public.agent_keys k join public.agents a on a.id = k.agent_id
  where k.id = (select case when c ~ '^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$' then c::uuid end from private.claim('key_id') c)
    and k.revoked_at is null and a.retired_at is null
$$;
comment on function private.current_agent() is
  'The agent whose key is in the claims (key_id); null when revoked or retired.';
grant execute on function private.current_agent() to agent_runtime;
