create function private.follow_interaction() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' and new.status = 'active' then
    insert into public.interaction_pulse (interaction_id, agent_id, supervisor_id, started_at, phone_number, caller, is_test, ends_at)
    values (new.id, new.agent_id, new.supervisor_id, new.started_at, new.phone_number, new.caller, new.is_test,
      (select new.started_at + pg_catalog.make_interval(secs => (c.config_value #>> '{}')::integer)
       from public.agent_config c where c.agent_id = new.agent_id and c.config_key = 'max_call_duration'));
  elsif tg_op = 'UPDATE' and new.status <> 'active' then
    delete from public.interaction_pulse where interaction_id = new.id;
    update public.tool_permissions set status = 'cancelled', responded_at = pg_catalog.clock_timestamp()
    where interaction_id = new.id and status = 'pending';
  end if;
  update public.agents set status = status where id = new.agent_id;
  return null;
end $$;
comment on function private.follow_interaction() is
  'Trigger: pulse, pending tool permissions and the agent''s status follow the start and end of an interaction.';
