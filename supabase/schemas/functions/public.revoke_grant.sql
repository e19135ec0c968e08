create function public.revoke_grant(p_id uuid) returns setof public.tool_grants
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from public.tool_grants where id = p_id and supervisor_id = any (array(select private.visible_supervisors()));
  if not found then
    raise exception 'there is no such standing approval' using errcode = 'FW404';
  end if;
  perform private.end_grant(p_id, 'revoked', u.id, coalesce(u.username, u.name)) from public.users u where u.id = private.viewer_id();
  return query select * from public.tool_grants where id = p_id;
end $$;
comment on function public.revoke_grant(uuid) is
  'Ends a standing approval that the viewer may see; the row as it stands, which says how it ended when it had ended before. FW404 when it is not theirs.';
grant execute on function public.revoke_grant(uuid) to authenticated;
