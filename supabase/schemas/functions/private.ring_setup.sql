create function private.ring_setup() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.pg_notify('floor', 'setup_steps:' || coalesce(new.agent_id, '00000000-0000-0000-0000-000000000000'));
  return null;
end $$;
comment on function private.ring_setup() is
  'Trigger: the waiting page of an agent, or every one, has something to show.';
