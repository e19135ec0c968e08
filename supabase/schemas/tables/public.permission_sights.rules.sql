alter table public.permission_sights enable row level security;

grant select on public.permission_sights to authenticated, service_role;

create policy permission_sights_own on public.permission_sights for select to authenticated
  using (viewer_id = (select private.viewer_id()) and (select private.viewer_role()) is not null
    or (select private.viewer_role()) = 'admin');
