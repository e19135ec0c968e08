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
  'Trigger: an agent retired or came back, or a key is gone; whoever remembers its keys forgets them.';
