create function private.open_interaction() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent public.agents;
begin
  select * into v_agent from public.agents where id = new.agent_id for no key update;
  if v_agent.id is null or private.is_anothers(v_agent.id) then
    raise exception 'there is no such agent' using errcode = 'FW404';
  elsif v_agent.agent_type <> new.interaction_type then
    raise exception 'a % agent takes no % interaction', v_agent.agent_type, new.interaction_type using errcode = 'FW422';
  elsif v_agent.supervisor_id is null then
    raise exception 'a template takes no interaction' using errcode = 'FW409';
  elsif new.status = 'active' and v_agent.retired_at is not null then
    raise exception 'the agent is retired' using errcode = 'FW409';
  elsif new.status = 'active' and v_agent.paused_at is not null then
    raise exception 'the agent is paused and takes no new interaction' using errcode = 'FW409';
  end if;
  new.supervisor_id := v_agent.supervisor_id;
  if new.status = 'active' then
    new.is_test := v_agent.setup_began_at is not null and v_agent.setup_ended_at is null;
    new.agent_version := (select v.version from public.agent_versions v where v.agent_id = v_agent.id order by v.version desc limit 1);
  end if;
  return new;
end $$;
comment on function private.open_interaction() is
  'Trigger: fills the supervisor, the agent''s version and whether it is a test; FW409 for a paused or retired agent or a template, FW422 for the wrong type.';
