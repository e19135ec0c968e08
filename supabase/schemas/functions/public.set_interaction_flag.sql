create function public.set_interaction_flag(p_interaction_id uuid, p_version integer, p_state text, p_assigned_to uuid, p_reason text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions := private.reviewed_interaction(p_interaction_id);
  v_reason text := nullif(pg_catalog.btrim(p_reason, E' \t\r\n'), '');
  v_assigned text;
  v_viewer public.users;
  v_flag public.interaction_flags;
begin
  if p_state is null or p_state not in ('open', 'in_review', 'done') then
    raise exception 'state is open, in_review or done' using errcode = 'FW422';
  elsif pg_catalog.length(v_reason) > 500 then
    raise exception 'a reason has 500 characters at most' using errcode = 'FW422';
  elsif v_reason is not null then
    perform private.refuse_forgotten(v_interaction);
  end if;
  select * into v_viewer from public.users where id = private.viewer_id();
  select * into v_flag from public.interaction_flags where interaction_id = v_interaction.id;
  if p_assigned_to is not null then
    select u.name into v_assigned from public.users u
    where u.id = p_assigned_to and (u.role = 'admin' or u.id = v_interaction.supervisor_id)
      and (u.deactivated_at is null or u.id = v_flag.assigned_to);
    if v_assigned is null then
      raise exception 'a review is assigned to an admin or to the supervisor of the interaction' using errcode = 'FW422';
    end if;
  end if;
  if v_flag.id is null then
    if p_version is distinct from 0 then
      raise exception 'the flag was changed meanwhile: look at it again' using errcode = 'FW409';
    end if;
    insert into public.interaction_flags (interaction_id, supervisor_id, state, reason, assigned_to, assigned_name, flagged_by, flagged_by_name, changed_by_name)
    values (v_interaction.id, v_interaction.supervisor_id, p_state, v_reason, p_assigned_to, v_assigned, v_viewer.id, v_viewer.name, v_viewer.name);
    return 1;
  elsif (v_flag.state, v_flag.reason, v_flag.assigned_to) is not distinct from (p_state, v_reason, p_assigned_to) then
    return v_flag.version;  -- sent twice, or nothing was changed
  elsif p_version is distinct from v_flag.version then
    raise exception 'the flag was changed meanwhile: look at it again' using errcode = 'FW409';
  end if;
  update public.interaction_flags set state = p_state, reason = v_reason, assigned_to = p_assigned_to, assigned_name = v_assigned,
    flagged_by = case when state = 'done' and p_state <> 'done' then v_viewer.id else flagged_by end,
    flagged_by_name = case when state = 'done' and p_state <> 'done' then v_viewer.name else flagged_by_name end,
    flagged_at = case when state = 'done' and p_state <> 'done' then pg_catalog.now() else flagged_at end,
    changed_by_name = v_viewer.name, changed_at = pg_catalog.now(), version = v_flag.version + 1
  where id = v_flag.id;
  return v_flag.version + 1;
end $$;
comment on function public.set_interaction_flag(uuid, integer, text, uuid, text) is
  'Flags an interaction for review (version 0), or changes its flag if this is its present version; its version then. FW404, FW409, FW422.';
grant execute on function public.set_interaction_flag(uuid, integer, text, uuid, text) to authenticated;
