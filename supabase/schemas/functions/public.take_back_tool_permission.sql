create function public.take_back_tool_permission(p_id uuid) returns setof public.tool_permissions
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
begin
  select * into v_row from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors())) for no key update;
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif v_row.held_by is distinct from private.viewer_id() then
    return;
  end if;
  begin
    return query
    update public.tool_permissions set held_decision = null, held_by = null, held_by_name = null, held_reason = null, held_until = null
    where id = p_id returning *;
  exception when sqlstate 'FW409' then  -- the guard: too late
    return;
  end;
end $$;
comment on function public.take_back_tool_permission(uuid) is
  'Takes back the viewer''s own allow while it is held: the row, pending again with the time that it had left, or none when there is nothing of theirs to take back. FW404 when they may not see it.';
grant execute on function public.take_back_tool_permission(uuid) to authenticated;
