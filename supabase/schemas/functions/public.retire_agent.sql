create function public.retire_agent(p_agent_id uuid) returns public.agents
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent public.agents;
begin
  perform private.require_admin();
  select * into v_agent from public.agents where id = p_agent_id for update;
  if v_agent.id is null then
    raise exception 'there is no such agent' using errcode = 'FW404';
  elsif exists (select from public.interactions where agent_id = p_agent_id and status = 'active') then
    raise exception 'the agent has an active interaction: pause it, and retire it when that has ended' using errcode = 'FW409';
  end if;
  update public.agents set retired_at = coalesce(retired_at, pg_catalog.now()),
    setup_ended_at = case when setup_began_at is not null then coalesce(setup_ended_at, pg_catalog.now()) end
  where id = p_agent_id returning * into v_agent;
  return v_agent;
end $$;
comment on function public.retire_agent(uuid) is
  'The agent''s slot is free again and its keys open nothing; its history stays. FW403, FW404, FW409 while an interaction is active.';
grant execute on function public.retire_agent(uuid) to authenticated;
