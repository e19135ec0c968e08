create function private.visible_supervisor_ids() returns uuid[]
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- As private.viewer_id() has it.
  v_sub text := nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';
  v_viewer uuid := case when v_sub ~ '^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$' then v_sub::uuid end;
  v_role text;
begin
  select u.role into v_role from public.users u where u.id = v_viewer and u.deactivated_at is null
    and (u.banned_until is null or u.banned_until <= pg_catalog.now());
  if v_role = 'admin' then
    return array(select u.id from public.users u where u.role = 'supervisor');
  elsif v_role = 'supervisor' then
    return array[v_viewer];
  end if;
  return '{}';
end $$;
comment on function private.visible_supervisor_ids() is
  'Whose rows the viewer sees: all supervisors'' for an active admin, their own for an active supervisor, else none.';
grant execute on function private.visible_supervisor_ids() to authenticated;
