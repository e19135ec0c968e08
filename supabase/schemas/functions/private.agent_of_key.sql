create function private.agent_of_key(p_hash bytea) returns table(key_id uuid, agent_id uuid, in_setup boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select k.id, k.agent_id, a.setup_began_at is not null and a.setup_ended_at is null from public.agent_keys k join public.agents a on a.id = k.agent_id
  where k.key_hash = p_hash and k.revoked_at is null and a.retired_at is null
$$;
comment on function private.agent_of_key(bytea) is
  'The key and agent for a sha256 of a bearer key, and whether the set-up of the agent waits for the first call; no row when unknown, revoked or retired.';
grant execute on function private.agent_of_key(bytea) to floorwalker_web;
