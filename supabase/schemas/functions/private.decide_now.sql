create function private.decide_now(p_id uuid, p_status text, p_reason text, p_arguments_digest text, p_hold boolean) returns setof public.tool_permissions
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
  v_undo integer := 0;
  v_reason text := nullif(pg_catalog.btrim(p_reason), '');
begin
  if p_status is null or p_status not in ('allowed', 'denied') then
    raise exception 'a decision is allowed or denied' using errcode = 'FW422';
  elsif pg_catalog.length(p_reason) > 1000 then
    raise exception 'a reason has at most 1000 characters' using errcode = 'FW422';
  elsif p_arguments_digest is null then
    raise exception 'a decision carries the arguments_digest of the request that it is made for' using errcode = 'FW422';
  end if;
  perform from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors()));
  if not found then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  -- A grant refers to the interaction and changes its pulse. Both are locked before the permission, as in every function.
  perform from public.interactions
  where id = (select interaction_id from public.tool_permissions where id = p_id) for key share;
  if not p_hold then
    perform from public.interaction_pulse
    where interaction_id = (select interaction_id from public.tool_permissions where id = p_id) for no key update;
  end if;
  select * into v_row from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors())) for no key update;
  if v_row.id is null or v_row.status <> 'pending' or v_row.held_until is not null
     or v_row.arguments_digest <> p_arguments_digest then
    return;
  end if;
  if p_status = 'allowed' and exists (select from public.agent_tools g
      where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name) and private.tool_refuses(g, v_row.arguments)) then
    raise exception 'the tool is refused now, so nobody can allow it' using errcode = 'FW409';
  end if;
  if p_hold and p_status = 'allowed' then
    v_undo := coalesce((select g.undo_seconds from public.agent_tools g
      where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name)), 0);
  end if;
  begin
    if v_undo > 0 then
      return query
      update public.tool_permissions t set held_decision = p_status, held_by = u.id, held_by_name = coalesce(u.username, u.name),
        held_reason = v_reason, held_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => v_undo)
      from public.users u where t.id = p_id and u.id = private.viewer_id()
      returning t.*;
    else
      return query
      update public.tool_permissions t set status = p_status, responded_at = m.moment, responded_by = u.id,
        responded_by_name = coalesce(u.username, u.name), reason = v_reason,
        execute_before = case when p_status = 'allowed' then m.moment
          + pg_catalog.make_interval(secs => private.setting('execute_seconds')) end
      from public.users u, (select pg_catalog.clock_timestamp() as moment) m
      where t.id = p_id and u.id = private.viewer_id()
      returning t.*;
    end if;
  exception when sqlstate 'FW409' then  -- the guard: it has expired
    return;
  end;
end $$;
comment on function private.decide_now(uuid, text, text, text, boolean) is
  'Decides as decide_tool_permission says; p_hold: an allow of a tool with undo_seconds is held.';
