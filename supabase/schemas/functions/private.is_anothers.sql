create function private.is_anothers(p_agent_id uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select private.claim('key_id') is not null and p_agent_id is distinct from private.current_agent()
$$;
comment on function private.is_anothers(uuid) is
  'Whether an agent''s key asks, and this is not its agent.';
