create function public.move_agent(p_agent_id uuid, p_supervisor_id uuid) returns public.agents
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent public.agents;
  v_supervisor public.users;
begin
  if private.viewer_role() is distinct from 'admin' then
    raise exception 'only an admin moves an agent' using errcode = 'FW403';
  end if;
  -- In the order in which an interaction ends: itself, then its agent.
  perform from public.interactions where agent_id = p_agent_id and status = 'active' for update;
  select * into v_agent from public.agents where id = p_agent_id for update;
  select * into v_supervisor from public.users where id = p_supervisor_id and role = 'supervisor' and deactivated_at is null;
  if v_agent.id is null then
    raise exception 'there is no such agent' using errcode = 'FW404';
  elsif v_supervisor.id is null then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  elsif v_agent.retired_at is not null then
    raise exception 'the agent is retired' using errcode = 'FW409';
  elsif v_agent.agent_type <> v_supervisor.supervisor_type then
    raise exception 'a % agent cannot move to a % supervisor', v_agent.agent_type, v_supervisor.supervisor_type using errcode = 'FW422';
  end if;
  update public.agents set supervisor_id = p_supervisor_id where id = p_agent_id returning * into v_agent;
  return v_agent;
end $$;
comment on function public.move_agent(uuid, uuid) is
  'Called by an admin: gives an agent, with all its interactions, to another supervisor of its type. FW403, FW404, FW409 when it is retired or they have three, FW422 for another type.';
grant execute on function public.move_agent(uuid, uuid) to authenticated;
