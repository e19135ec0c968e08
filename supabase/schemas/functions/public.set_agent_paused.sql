create function public.set_agent_paused(p_agent_id uuid, p_paused boolean) returns public.agents
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent public.agents;
begin
  if p_paused is null then
    raise exception 'paused is true or false' using errcode = 'FW422';
  end if;
  update public.agents set paused_at = case when p_paused then coalesce(paused_at, pg_catalog.now()) end
  where id = p_agent_id and retired_at is null
    and supervisor_id = any (array(select private.visible_supervisors()))
  returning * into v_agent;
  if v_agent.id is null then
    raise exception 'there is no such agent' using errcode = 'FW404';
  end if;
  return v_agent;
end $$;
comment on function public.set_agent_paused(uuid, boolean) is
  'Pauses or resumes one of the viewer''s agents; a running interaction goes on. FW404 when it is not theirs, FW422 for neither true nor false.';
grant execute on function public.set_agent_paused(uuid, boolean) to authenticated;
