create function private.is_own(p_interaction_id uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select exists (select from public.interactions where id = p_interaction_id and agent_id = private.current_agent())
$$;
comment on function private.is_own(uuid) is
  'Whether the interaction is of the agent whose key is in the claims.';
grant execute on function private.is_own(uuid) to agent_runtime;
