create function private.due_drills(p_supervisor_ids uuid[]) returns table(supervisor_id uuid, interaction_id uuid, tool_name text, tool_description text, arguments text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select n.supervisor_id, g.interaction_id, g.tool_name, g.tool_description, g.arguments
  from private.drill_plans n cross join lateral private.drill_ground(n.supervisor_id) g
  where n.supervisor_id = any (p_supervisor_ids) and private.drill_is_due(n.supervisor_id)
$$;
comment on function private.due_drills(uuid[]) is
  'Those of these supervisors to whom the product may send a drill now, and what it is made of.';
grant execute on function private.due_drills(uuid[]) to floorwalker_web;
