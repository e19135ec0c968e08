create function private.ring_agent_keys() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.pg_notify('floor', 'agent_keys:' || (case tg_table_name
    when 'agents' then pg_catalog.to_jsonb(new) ->> 'id' else pg_catalog.to_jsonb(old) ->> 'agent_id' end));
  return null;
end $$;
comment on function private.ring_agent_keys() is
  'Trigger: an agent was retired or reactivated, or a key was deleted; processes forget its keys.';
