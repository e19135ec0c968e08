create function private.ring_agent_key() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.pg_notify('floor', 'agent_keys:' || new.agent_id);
  return null;
end $$;
comment on function private.ring_agent_key() is
  'Trigger: a key was revoked; processes forget it.';
