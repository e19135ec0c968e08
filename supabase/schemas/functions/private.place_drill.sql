create function private.place_drill(p_supervisor_id uuid, p_created_by uuid, p_interaction_id uuid, p_template text, p_why text, p_tool_name text, p_tool_description text, p_arguments json) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent uuid;
  v_now timestamptz;
  v_last public.tool_permissions;
  v_id uuid;
begin
  -- Of two simultaneous ones, the second counts the first.
  perform from public.users where id = p_supervisor_id and role = 'supervisor' and deactivated_at is null for no key update;
  if not found then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  end if;
  v_now := pg_catalog.clock_timestamp();
  if p_created_by is null and private.drill_is_due(p_supervisor_id) is not true then
    return null;
  elsif (select pg_catalog.count(*) from private.drills where supervisor_id = p_supervisor_id
      and created_at > v_now - interval '24 hours' and outcome is distinct from 'withdrawn') >= 5 then
    raise exception 'a supervisor gets five drills in 24 hours at most' using errcode = 'FW409';
  elsif exists (select from public.tool_permissions where supervisor_id = p_supervisor_id and status = 'pending') then
    raise exception 'a request waits on this floor, and a drill would be in its way: try again when it is answered' using errcode = 'FW409';
  end if;
  select agent_id into v_agent from public.interaction_pulse where interaction_id = p_interaction_id and supervisor_id = p_supervisor_id;
  if v_agent is null then
    raise exception 'the interaction of the drill has just ended: send it again' using errcode = 'FW409';
  end if;
  if exists (select from public.agent_tools g where g.agent_id = v_agent and g.tool_name = p_tool_name and private.tool_refuses(g, p_arguments)) then
    raise exception 'the tool refuses this by itself, so no person would be asked: choose another drill' using errcode = 'FW409';
  end if;
  select * into v_last from public.tool_permissions t
  where t.supervisor_id = p_supervisor_id and t.tool_name = p_tool_name and t.status = 'allowed' order by t.responded_at desc limit 1;
  insert into private.drills (supervisor_id, interaction_id, template, why, tool_name, tool_description, known_tool, arguments, arguments_digest,
    last_arguments, last_allowed_at, usual_amount, created_at, created_by, expires_at)
  values (p_supervisor_id, p_interaction_id, p_template, p_why, p_tool_name, p_tool_description,
    exists (select from public.agent_tools g where g.agent_id = v_agent and g.tool_name = p_tool_name), p_arguments,
    pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p_arguments::text, 'UTF8')), 'hex'),
    nullif(coalesce(v_last.changed_arguments, v_last.arguments)::text, '{}')::json, v_last.responded_at,
    private.usual_amount(p_supervisor_id, p_tool_name, p_arguments), v_now, p_created_by,
    v_now + pg_catalog.make_interval(secs => private.setting('permission_seconds')))
  on conflict (supervisor_id) where outcome is null do nothing
  returning id into v_id;
  if v_id is null and p_created_by is not null then
    raise exception 'a drill waits on this floor already' using errcode = 'FW409';
  end if;
  return v_id;
end $$;
comment on function private.place_drill(uuid, uuid, uuid, text, text, text, text, json) is
  'Puts a drill into a supervisor''s queue; its id, or null where the product itself may not send one now. FW404, FW409.';
