create function private.choose_drill_ground(p_supervisor_id uuid) returns table(interaction_id uuid, tool_name text, tool_description text, arguments text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.require_admin();
  return query select * from private.drill_ground(p_supervisor_id);
end $$;
comment on function private.choose_drill_ground(uuid) is
  'drill_ground for an admin who sends a drill. FW403.';
grant execute on function private.choose_drill_ground(uuid) to authenticated;
