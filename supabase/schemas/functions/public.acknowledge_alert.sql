create function public.acknowledge_alert(p_id uuid) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_viewer uuid := private.viewer_id();
  v_role text := private.viewer_role();
  v_alert public.alerts;
begin
  select * into v_alert from public.alerts a
  where a.id = p_id and (v_role = 'admin' or (v_role = 'supervisor' and a.supervisor_id = v_viewer and a.calls_supervisor))
  for update;
  if v_alert.id is null then
    raise exception 'there is no such alert' using errcode = 'FW404';
  end if;
  if v_alert.acknowledged_at is null then
    update public.alerts a set acknowledged_at = pg_catalog.clock_timestamp(), acknowledged_by = u.id,
      acknowledged_by_name = u.name
    from public.users u where a.id = p_id and u.id = v_viewer
    returning a.acknowledged_by_name into v_alert.acknowledged_by_name;
  end if;
  return v_alert.acknowledged_by_name;
end $$;
comment on function public.acknowledge_alert(uuid) is
  'Acknowledges an alert once, for all whom it calls; who did it. FW404 for one that the caller does not see.';
grant execute on function public.acknowledge_alert(uuid) to authenticated;
