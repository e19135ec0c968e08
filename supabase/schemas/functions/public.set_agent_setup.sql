create function public.set_agent_setup(p_agent_id uuid, p_waiting boolean) returns public.agents
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent public.agents;
begin
  perform private.require_admin();
  if p_waiting is null then
    raise exception 'waiting is true or false' using errcode = 'FW422';
  end if;
  select * into v_agent from public.agents where id = p_agent_id and retired_at is null and supervisor_id is not null for no key update;
  if v_agent.id is null then
    raise exception 'there is no such agent' using errcode = 'FW404';
  elsif p_waiting = (v_agent.setup_began_at is not null and v_agent.setup_ended_at is null) then
    return v_agent;
  elsif p_waiting then
    delete from public.setup_steps where agent_id = p_agent_id;
  end if;
  update public.agents set
    setup_began_at = case when p_waiting then pg_catalog.clock_timestamp() else setup_began_at end,
    setup_ended_at = case when not p_waiting then pg_catalog.clock_timestamp() end
  where id = p_agent_id returning * into v_agent;
  return v_agent;
end $$;
comment on function public.set_agent_setup(uuid, boolean) is
  'Called by an admin: begins or ends the time in which an agent''s interactions are tests. FW403, FW404, FW422 for neither true nor false.';
grant execute on function public.set_agent_setup(uuid, boolean) to authenticated;
