create function private.send_due_drill(p_supervisor_id uuid, p_interaction_id uuid, p_template text, p_why text, p_tool_name text, p_tool_description text, p_arguments json) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.place_drill(p_supervisor_id, null, p_interaction_id, p_template, p_why, p_tool_name, p_tool_description, p_arguments);
end $$;
comment on function private.send_due_drill(uuid, uuid, text, text, text, text, json) is
  'The product sends one of the day''s drills; its id, or null when it is not due any more. FW404, FW409.';
grant execute on function private.send_due_drill(uuid, uuid, text, text, text, text, json) to floorwalker_web;
