create function private.cancel_permission(p_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_status text;
begin
  select status into v_status from public.tool_permissions
  where id = p_id and agent_id = private.current_agent() for no key update;
  if not found then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif v_status = 'pending' then
    update public.tool_permissions set status = 'cancelled', responded_at = pg_catalog.clock_timestamp() where id = p_id;
  elsif v_status <> 'cancelled' then
    raise exception 'the tool permission is already %', v_status using errcode = 'FW409';
  end if;
end $$;
comment on function private.cancel_permission(uuid) is
  'The agent takes back what it asked; again is no error. FW404, FW409 when it is decided or has expired.';
grant execute on function private.cancel_permission(uuid) to agent_runtime;
