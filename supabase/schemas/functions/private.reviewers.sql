create function private.reviewers(p_interaction_id uuid) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select (
    select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', r.id, 'name', r.name, 'role', r.role) order by r.role desc, pg_catalog.lower(r.name), r.id)
    from (
      select u.id, u.name, u.role from public.users u
      where (u.role = 'admin' or u.id = i.supervisor_id) and u.deactivated_at is null order by u.role desc, pg_catalog.lower(u.name), u.id limit 200) r)
  from public.interactions i
  where i.id = p_interaction_id and i.supervisor_id = any (private.visible_supervisor_ids())
$$;
comment on function private.reviewers(uuid) is
  'Whom the review of an interaction may be assigned to: [{id, name, role}], its supervisor first, then admins, at most 200; null when the viewer may not see it.';
grant execute on function private.reviewers(uuid) to authenticated;
