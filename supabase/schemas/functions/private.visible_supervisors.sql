create function private.visible_supervisors() returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.unnest(private.visible_supervisor_ids())
$$;
comment on function private.visible_supervisors() is
  'Whose rows the viewer may see: their own, or everybody''s for an admin. Used as supervisor_id = any (array(select …)), which stays an index condition.';
grant execute on function private.visible_supervisors() to authenticated;
