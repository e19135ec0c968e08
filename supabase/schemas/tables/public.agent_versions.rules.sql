alter table public.agent_versions enable row level security;

grant select on public.agent_versions to authenticated, service_role;

create policy agent_versions_visible on public.agent_versions for select to authenticated
  using ((agent_id in ( select a.id
   from public.agents a)));

create trigger agent_versions_10_refuse before truncate on public.agent_versions for each statement
  execute function private.refuse_change();
create trigger agent_versions_70_audit after insert on public.agent_versions for each row
  execute function private.audit('version', 'note');
