alter table public.preferences enable row level security;

grant select on public.preferences to authenticated;

create policy preferences_own on public.preferences for select to authenticated
  using (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null);
