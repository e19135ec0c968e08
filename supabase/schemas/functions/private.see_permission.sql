create function private.see_permission(p_id uuid, p_arguments_digest text, p_ago integer, p_opened boolean) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
begin
  if (p_ago between 0 and 600000) is not true then
    raise exception 'how long ago it was seen is 0 to 600000 milliseconds' using errcode = 'FW422';
  end if;
  select * into v_row from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors()));
  if v_row.id is null then
    -- Of a drill nothing is noted, and the page does not learn that it is one.
    if exists (select from private.drills where id = p_id and supervisor_id = private.viewer_id())
        and private.viewer_role() = 'supervisor' then
      return true;
    end if;
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif v_row.arguments_digest is distinct from p_arguments_digest then
    raise exception 'the request has other arguments' using errcode = 'FW409';
  elsif v_row.status <> 'pending' then
    return false;
  end if;
  insert into public.permission_sights as s (tool_permission_id, viewer_id, first_seen_at, opened_arguments)
  values (p_id, private.viewer_id(), greatest(v_row.requested_at, pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => p_ago / 1000.0)),
    coalesce(p_opened, false))
  on conflict (tool_permission_id, viewer_id) do update set opened_arguments = true
  where excluded.opened_arguments and not s.opened_arguments;
  return true;
end $$;
comment on function private.see_permission(uuid, text, integer, boolean) is
  'The viewer has this waiting request before their eyes, since so many milliseconds; false when it is answered. Reported again, it only notes that the arguments were opened. FW404 when it is not theirs, FW409 for other arguments, FW422.';
grant execute on function private.see_permission(uuid, text, integer, boolean) to authenticated;
