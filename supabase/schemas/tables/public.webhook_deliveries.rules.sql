alter table public.webhook_deliveries enable row level security;

grant select on public.webhook_deliveries to authenticated, service_role;

create policy webhook_deliveries_visible on public.webhook_deliveries for select to authenticated
  using ((agent_id in ( select a.id
   from public.agents a)));
