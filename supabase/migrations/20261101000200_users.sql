-- People: one row for each login whose app metadata holds a complete, valid role. No row means no rights.

create table public.users (
  id uuid primary key references auth.users (id) on delete restrict,
  email text not null,
  role text not null check (role in ('admin', 'supervisor')),
  name text not null check (pg_catalog.length(name) between 1 and 255),
  username text check (username ~ '^[a-z0-9][a-z0-9._-]{1,99}$'),
  supervisor_type text check (supervisor_type in ('voice', 'chat')),
  deactivated_at timestamptz,
  banned_until timestamptz,
  created_at timestamptz not null default pg_catalog.now(),
  updated_at timestamptz not null default pg_catalog.now(),
  constraint users_supervisor_fields check (
    (role = 'supervisor' and username is not null and supervisor_type is not null)
    or (role = 'admin' and username is null and supervisor_type is null)
  ),
  constraint users_id_type unique (id, supervisor_type)
);
comment on table public.users is 'Supervisors and admins. Written by the trigger on auth.users; role and type come from app metadata only.';
comment on column public.users.username is 'Shown on cards and the leaderboard; not a login. Null for admins.';
comment on column public.users.banned_until is 'Copy of auth.users.banned_until: no rights until then.';
create unique index users_email on public.users (pg_catalog.lower(email));
create unique index users_username on public.users (pg_catalog.lower(username)) where username is not null;
create index users_username_search on public.users using gin (username gin_trgm_ops);
create index users_role on public.users (role);

create table private.profile_faults (
  id bigint generated always as identity primary key,
  user_id uuid not null,
  reason text not null,
  created_at timestamptz not null default pg_catalog.now()
);
comment on table private.profile_faults is 'Logins whose metadata could not become a users row, and why.';
alter table private.profile_faults enable row level security;

create function private.viewer_role() returns text
language sql stable security definer set search_path = '' as $$
  select role from public.users
  where id = auth.uid() and deactivated_at is null
    and (banned_until is null or banned_until <= pg_catalog.now())
$$;
comment on function private.viewer_role() is 'admin or supervisor for an active person, otherwise null.';

create function private.visible_supervisors() returns setof uuid
language sql stable security definer set search_path = '' as $$
  select u.id from public.users u
  where u.role = 'supervisor'
    and (u.id = auth.uid() or private.viewer_role() = 'admin')
    and private.viewer_role() is not null
$$;
comment on function private.visible_supervisors() is
  'Whose rows the viewer may see: their own, or everybody''s for an admin. Used as supervisor_id = any (array(select …)), which stays an index condition.';
grant execute on function private.viewer_role(), private.visible_supervisors() to authenticated;

revoke all on public.users from anon, authenticated, service_role;
grant select on public.users to authenticated, service_role;
alter table public.users enable row level security;
create policy users_self_or_admin on public.users for select to authenticated
  using ((select private.viewer_role()) = 'admin'
    or (id = (select auth.uid()) and (select private.viewer_role()) is not null));

create trigger users_10_touch before update on public.users
  for each row execute function private.touch();

-- Never raises: an exception here would block every sign-in of that person.
create function private.sync_profile() returns trigger
language plpgsql security definer set search_path = '' as $$
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
comment on function private.sync_profile() is 'Trigger on auth.users: makes or syncs the users row; faults go to private.profile_faults.';

create trigger floorwalker_10_profile_insert after insert on auth.users
  for each row execute function private.sync_profile();
create trigger floorwalker_20_profile_update
  after update of raw_app_meta_data, raw_user_meta_data, email, banned_until, deleted_at on auth.users
  for each row execute function private.sync_profile();

create function private.ring_user() returns trigger
language plpgsql set search_path = '' as $$
begin
  perform pg_catalog.pg_notify('floor', 'users:' || new.id);
  return null;
end $$;
comment on function private.ring_user() is 'Trigger: a person changed; their streams go through the door again.';
create trigger users_20_ring after update on public.users
  for each row
  when (old.role is distinct from new.role or old.deactivated_at is distinct from new.deactivated_at
    or old.banned_until is distinct from new.banned_until)
  execute function private.ring_user();
