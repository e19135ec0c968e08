alter table public.tool_permissions enable row level security;

grant select on public.tool_permissions to agent_runtime, authenticated, service_role;
grant insert (interaction_id, tool_name, tool_description, arguments) on public.tool_permissions to agent_runtime, service_role;
grant update (status, responded_at) on public.tool_permissions to service_role;

create policy tool_permissions_by_agent on public.tool_permissions for insert to agent_runtime
  with check (agent_id = (select private.current_agent()));

create policy tool_permissions_of_agent on public.tool_permissions for select to agent_runtime
  using (agent_id = (select private.current_agent()));

create policy tool_permissions_visible on public.tool_permissions for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger tool_permissions_10_open before insert on public.tool_permissions for each row
  execute function private.open_tool_permission();
create trigger tool_permissions_11_guard before update on public.tool_permissions for each row
  execute function private.guard_tool_permission();
create trigger tool_permissions_60_ring_insert after insert on public.tool_permissions
    referencing new table as inserted for each statement
  execute function private.ring();
create trigger tool_permissions_61_ring_update after update on public.tool_permissions
    referencing old table as before new table as after for each statement
  execute function private.ring();
create trigger tool_permissions_70_audit after update of status on public.tool_permissions for each row
    when (new.responded_by is not null and old.status is distinct from new.status)
  execute function private.audit('status', 'responded_by_name');
