-- Everybody locks in one order, so that nobody waits for one another crosswise: the interaction, its agent, its pulse, its
-- tool permissions. What starts has no interaction yet and begins with the agent.

create or replace function public.claim_execution(p_id uuid, p_arguments_digest text) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.tool_permissions;
  v_lives boolean;
begin
  select * into v_row from public.tool_permissions where id = p_id and agent_id = private.current_agent();
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  -- In everybody's order: the interaction stays where it is, its pulse lives, then the permission.
  perform from public.interactions where id = v_row.interaction_id for key share;
  perform from public.interaction_pulse where interaction_id = v_row.interaction_id for key share;
  v_lives := found;
  select * into v_row from public.tool_permissions where id = p_id for no key update;
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif v_row.status <> 'allowed' then
    raise exception 'the tool permission is %, do not run the tool', v_row.status using errcode = 'FW409';
  elsif v_row.executed_at is not null then
    raise exception 'the execution is already claimed, do not run the tool again' using errcode = 'FW409';
  elsif v_row.execute_before <= pg_catalog.clock_timestamp() then
    raise exception 'the permission was to be used until %, do not run the tool', v_row.execute_before using errcode = 'FW409';
  elsif v_row.arguments_digest is distinct from p_arguments_digest then
    raise exception 'these are not the arguments that were allowed, do not run the tool' using errcode = 'FW409';
  elsif not v_lives then
    raise exception 'the interaction has ended, do not run the tool' using errcode = 'FW409';
  end if;
  update public.tool_permissions set execution_id = pg_catalog.gen_random_uuid(), executed_at = pg_catalog.clock_timestamp()
  where id = p_id returning * into v_row;
  return v_row.execution_id;
end $$;

create function private.lock_agent() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform from public.agents where id = old.agent_id for no key update;
  return old;
end $$;
comment on function private.lock_agent() is 'Trigger: an active interaction is deleted with its agent locked before its pulse, as it ends.';
create trigger interactions_13_delete before delete on public.interactions
  for each row when (old.status = 'active') execute function private.lock_agent();
