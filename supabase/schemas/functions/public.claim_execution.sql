create function public.claim_execution(p_id uuid, p_arguments_digest text) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
  v_lives boolean;
begin
  select * into v_row from public.tool_permissions where id = p_id and agent_id = private.current_agent();
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  -- The common lock order: the interaction, its pulse, then the permission.
  perform from public.interactions where id = v_row.interaction_id for key share;
  perform from public.interaction_pulse where interaction_id = v_row.interaction_id for key share;
  v_lives := found;
  if v_row.held_until is not null then
    perform private.settle_held_permissions(p_id);
  end if;
  select * into v_row from public.tool_permissions where id = p_id for no key update;
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif v_row.status <> 'allowed' then
    raise exception 'the tool permission is %, do not run the tool', v_row.status using errcode = 'FW409';
  elsif v_row.executed_at is not null then
    raise exception 'the execution is already claimed, do not run the tool again' using errcode = 'FW409';
  elsif v_row.changed_arguments is not null and v_row.arguments_digest = p_arguments_digest then
    raise exception 'a person changed the arguments: run the tool with changed_arguments, and claim with changed_arguments_digest' using errcode = 'FW409';
  elsif coalesce(v_row.changed_arguments_digest, v_row.arguments_digest) is distinct from p_arguments_digest then
    raise exception 'these are not the arguments that were allowed, do not run the tool' using errcode = 'FW409';
  elsif exists (select from public.agent_tools g
      where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name) and private.tool_refuses(g, coalesce(v_row.changed_arguments, v_row.arguments))) then
    raise exception 'the tool is refused now, do not run the tool' using errcode = 'FW409';
  elsif not v_lives then
    raise exception 'the interaction has ended, do not run the tool' using errcode = 'FW409';
  end if;
  -- Whether it is in time is checked by the trigger, when the row is stored.
  update public.tool_permissions set execution_id = pg_catalog.gen_random_uuid(), executed_at = pg_catalog.clock_timestamp()
  where id = p_id returning * into v_row;
  return v_row.execution_id;
end $$;
comment on function public.claim_execution(uuid, text) is
  'Claims the one execution; returns its id. FW409 says why not.';
grant execute on function public.claim_execution(uuid, text) to agent_runtime;
