alter table public.agent_tools enable row level security;

grant select on public.agent_tools to agent_runtime, authenticated;
grant select, insert, update, delete on public.agent_tools to service_role;

create policy agent_tools_itself on public.agent_tools for select to agent_runtime
  using (agent_id = (select private.current_agent()));

create policy agent_tools_visible on public.agent_tools for select to authenticated
  using ((agent_id in ( select a.id
   from public.agents a)));

create trigger agent_tools_40_mcp_tools after insert or delete or update on public.agent_tools for each row
  execute function private.gather_mcp_tools();
create trigger agent_tools_70_audit after insert or delete or update on public.agent_tools for each row
  execute function private.audit('tool_name', 'requires_permission');
