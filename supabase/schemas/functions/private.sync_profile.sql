create function private.sync_profile() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_meta jsonb := coalesce(new.raw_app_meta_data, '{}');
  v_role text := v_meta ->> 'app_role';
  v_username text := nullif(v_meta ->> 'username', '');
  v_type text := nullif(v_meta ->> 'supervisor_type', '');
  v_name text := coalesce(nullif(pg_catalog.btrim(new.raw_user_meta_data ->> 'name'), ''),
                          pg_catalog.split_part(new.email, '@', 1));
  v_old public.users;
begin
  select * into v_old from public.users where id = new.id;
  if v_role is null and v_old.id is null then
    return null;  -- not (yet) one of ours
  end if;
  if v_role is not null and v_old.supervisor_type is not null and v_type is distinct from v_old.supervisor_type
     and v_role = 'supervisor' then
    raise exception 'a supervisor''s type cannot change from % to %', v_old.supervisor_type, v_type;
  end if;
  if v_old.id is null then
    insert into public.users (id, email, role, name, username, supervisor_type, banned_until, deactivated_at)
    values (new.id, new.email, v_role, v_name, v_username, v_type, new.banned_until, new.deleted_at);
  else
    update public.users u set
      email = new.email, role = coalesce(v_role, u.role), name = v_name,
      username = case when v_role is null then u.username else v_username end,
      supervisor_type = case when v_role is null then u.supervisor_type else v_type end,
      banned_until = new.banned_until,
      deactivated_at = coalesce(u.deactivated_at, new.deleted_at, case when v_role is null then pg_catalog.now() end)
    where u.id = new.id;
  end if;
  return null;
exception when others then
  begin
    insert into private.profile_faults (user_id, reason) values (new.id, sqlerrm);
    -- A ban must hold even when the rest of the update is refused.
    update public.users set banned_until = new.banned_until,
      deactivated_at = coalesce(deactivated_at, new.deleted_at) where id = new.id;
  exception when others then null;
  end;
  return null;
end $$;
comment on function private.sync_profile() is
  'Trigger on auth.users: makes or syncs the users row; faults go to private.profile_faults.';
