create function private.send_drill(p_supervisor_id uuid, p_interaction_id uuid, p_template text, p_why text, p_tool_name text, p_tool_description text, p_arguments json) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.place_drill(p_supervisor_id, private.require_admin(), p_interaction_id, p_template, p_why, p_tool_name, p_tool_description, p_arguments);
end $$;
comment on function private.send_drill(uuid, uuid, text, text, text, text, json) is
  'An admin sends a drill now; its id. FW403 for anybody else, FW404 for no supervisor, FW409 with the reason why not now.';
grant execute on function private.send_drill(uuid, uuid, text, text, text, text, json) to authenticated;
