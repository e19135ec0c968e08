alter table public.saved_views enable row level security;

grant select, delete on public.saved_views to authenticated;
grant insert (page, name, filters, shared) on public.saved_views to authenticated;
grant update (name, filters, shared) on public.saved_views to authenticated;

create policy saved_views_own on public.saved_views for all to authenticated
  using (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null)
  with check (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null
    and (not shared or (select private.viewer_role()) = 'admin'));

create policy saved_views_shared on public.saved_views for select to authenticated
  using (shared and (select private.viewer_role()) is not null);

create policy saved_views_shared_deleted on public.saved_views for delete to authenticated
  using (shared and (select private.viewer_role()) = 'admin');
