alter table private.performance_changes enable row level security;

grant select on private.performance_changes to authenticated, service_role;

create policy performance_changes_visible on private.performance_changes for select to authenticated
  using ((agent_id in ( select a.id
   from public.agents a)));
