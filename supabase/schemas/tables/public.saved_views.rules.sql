alter table public.saved_views enable row level security;

grant select, delete on public.saved_views to authenticated;
grant insert (page, name, filters) on public.saved_views to authenticated;
grant update (name, filters) on public.saved_views to authenticated;

create policy saved_views_own on public.saved_views for all to authenticated
  using (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null)
  with check (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null);
