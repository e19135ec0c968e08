create function private.choose_drill_ground(p_supervisor_id uuid) returns table(interaction_id uuid, tool_name text, tool_description text, arguments text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.require_admin();
  perform from public.users where id = p_supervisor_id and role = 'supervisor' and deactivated_at is null;
  if not found then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  end if;
  return query select * from private.drill_ground(p_supervisor_id);
  if not found then
    raise exception 'no interaction on this floor is live and heard, and a drill belongs to one' using errcode = 'FW409';
  end if;
end $$;
comment on function private.choose_drill_ground(uuid) is
  'drill_ground for an admin who sends a drill. FW403, FW404 for no supervisor, FW409 without a live interaction.';
grant execute on function private.choose_drill_ground(uuid) to authenticated;
