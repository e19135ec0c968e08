create function private.require_admin() returns uuid
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.viewer_role() is distinct from 'admin' then
    raise exception 'only an admin does that' using errcode = 'FW403';
  end if;
  return private.viewer_id();
end $$;
comment on function private.require_admin() is
  'The admin who asks. FW403 for anybody else.';
