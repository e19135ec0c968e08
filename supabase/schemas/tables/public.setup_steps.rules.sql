alter table public.setup_steps enable row level security;

grant select on public.setup_steps to authenticated, service_role;

create policy setup_steps_of_admin on public.setup_steps for select to authenticated
  using ((select private.viewer_role()) = 'admin');

create trigger setup_steps_60_ring after insert or update on public.setup_steps for each row
  execute function private.ring_setup();
