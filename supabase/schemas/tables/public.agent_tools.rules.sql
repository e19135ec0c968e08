alter table public.agent_tools enable row level security;

-- All columns but sealed_secret.
grant select (id, agent_id, tool_name, description, input_schema, tool_config, requires_permission, created_at, undo_seconds, mode, idempotent, secret_set_at, limit_argument, asks_above, refuses_above, uses_per_interaction) on public.agent_tools to agent_runtime, authenticated;
grant insert (agent_id, tool_name, description, input_schema, tool_config, requires_permission, undo_seconds, mode, idempotent, sealed_secret, secret_set_at, limit_argument, asks_above, refuses_above, uses_per_interaction) on public.agent_tools to authenticated;
grant update (tool_name, description, input_schema, tool_config, requires_permission, undo_seconds, mode, idempotent, sealed_secret, secret_set_at, limit_argument, asks_above, refuses_above, uses_per_interaction) on public.agent_tools to authenticated;
grant delete on public.agent_tools to authenticated;
grant select (id, agent_id, tool_name, description, input_schema, tool_config, requires_permission, created_at, undo_seconds, mode, idempotent, secret_set_at, limit_argument, asks_above, refuses_above, uses_per_interaction) on public.agent_tools to service_role;
grant insert, update, delete on public.agent_tools to service_role;

create policy agent_tools_itself on public.agent_tools for select to agent_runtime
  using (agent_id = (select private.current_agent()));

create policy agent_tools_visible on public.agent_tools for select to authenticated
  using ((agent_id in ( select a.id
   from public.agents a)));

create policy agent_tools_made_by_admin on public.agent_tools for insert to authenticated
  with check ((select private.viewer_role()) = 'admin');

create policy agent_tools_changed_by_admin on public.agent_tools for update to authenticated
  using ((select private.viewer_role()) = 'admin')
  with check ((select private.viewer_role()) = 'admin');

create policy agent_tools_deleted_by_admin on public.agent_tools for delete to authenticated
  using ((select private.viewer_role()) = 'admin');

create trigger agent_tools_10_mode before insert or update of mode, requires_permission on public.agent_tools for each row
  execute function private.agree_tool_mode();
create trigger agent_tools_40_mcp_tools after insert or delete or update on public.agent_tools for each row
  execute function private.gather_mcp_tools();
create trigger agent_tools_45_refuse after update of mode, limit_argument, refuses_above on public.agent_tools for each row
    when (old.mode is distinct from new.mode or old.limit_argument is distinct from new.limit_argument
    or old.refuses_above is distinct from new.refuses_above)
  execute function private.refuse_open_requests();
create trigger agent_tools_50_version after insert or delete or update on public.agent_tools for each row
  execute function private.keep_version();
create trigger agent_tools_70_audit after insert or delete or update on public.agent_tools for each row
  execute function private.audit('agent_id', 'tool_name', 'requires_permission', 'mode', 'undo_seconds', 'limit_argument', 'asks_above',
    'refuses_above', 'uses_per_interaction', 'secret_set_at');
