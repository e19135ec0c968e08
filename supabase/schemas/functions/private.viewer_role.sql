create function private.viewer_role() returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_viewer uuid := private.viewer_id();
begin
  return (select u.role from public.users u where u.id = v_viewer and u.deactivated_at is null
    and (u.banned_until is null or u.banned_until <= pg_catalog.now()));
end $$;
comment on function private.viewer_role() is
  'admin or supervisor for an active person, otherwise null.';
grant execute on function private.viewer_role() to authenticated;
