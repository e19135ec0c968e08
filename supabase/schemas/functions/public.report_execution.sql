create function public.report_execution(p_id uuid, p_execution_id uuid, p_succeeded boolean, p_result jsonb) returns setof public.tool_permissions
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_permission public.tool_permissions;
begin
  if p_succeeded is null then
    raise exception 'succeeded is true or false' using errcode = 'FW422';
  elsif pg_catalog.octet_length(p_result::text) > 262144 then
    raise exception 'a result has at most 256 KiB' using errcode = 'FW422';
  end if;
  select * into v_permission from public.tool_permissions
  where id = p_id and agent_id = private.current_agent() for no key update;
  if not found then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif (v_permission.execution_id = p_execution_id) is not true then
    raise exception 'this execution was not claimed' using errcode = 'FW409';
  elsif v_permission.execution_reported_at is null then
    return query
    update public.tool_permissions set execution_succeeded = p_succeeded, execution_result = p_result,
      execution_reported_at = pg_catalog.clock_timestamp()
    where id = p_id returning *;
  elsif (v_permission.execution_succeeded, v_permission.execution_result) is not distinct from (p_succeeded, p_result) then
    return next v_permission;
  else
    raise exception 'this execution was reported otherwise, and what was reported does not change' using errcode = 'FW409';
  end if;
end $$;
comment on function public.report_execution(uuid, uuid, boolean, jsonb) is
  'How the claimed execution went, once; the same report again is accepted. FW404 when it is not the agent''s, FW409 when it was not claimed or was reported otherwise, FW422 for no outcome or a result over 256 KiB.';
grant execute on function public.report_execution(uuid, uuid, boolean, jsonb) to agent_runtime;
