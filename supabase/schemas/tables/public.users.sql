create table public.users (
  id uuid not null,
  email text not null,
  role text not null,
  name text not null,
  username text,
  supervisor_type text,
  deactivated_at timestamptz,
  banned_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint users_pkey primary key (id),
  constraint users_id_type unique (id, supervisor_type),
  constraint users_name_check check (length(name) >= 1 and length(name) <= 255),
  constraint users_role_check check (role in ('admin', 'supervisor')),
  constraint users_supervisor_fields check (role = 'supervisor' and username is not null
    and supervisor_type is not null or role = 'admin' and username is null and supervisor_type is null),
  constraint users_supervisor_type_check check (supervisor_type in ('voice', 'chat')),
  constraint users_username_check check (username ~ '^[a-z0-9][a-z0-9._-]{1,99}$'),
  constraint users_id_fkey foreign key (id) references auth.users(id) on delete restrict
);

comment on table public.users is
  'Supervisors and admins. Written by the trigger on auth.users; role and type come from app metadata only.';
comment on column public.users.username is
  'Shown on cards and the leaderboard; not a login. Null for admins.';
comment on column public.users.banned_until is
  'Copy of auth.users.banned_until: no rights until then.';
comment on constraint users_pkey on public.users is
  'this id is taken';
comment on constraint users_id_type on public.users is
  'this id is taken';
comment on constraint users_name_check on public.users is
  'name has 1 to 255 characters';
comment on constraint users_role_check on public.users is
  'role is admin or supervisor';
comment on constraint users_supervisor_fields on public.users is
  'a supervisor has a username and a supervisor_type, an admin has neither';
comment on constraint users_supervisor_type_check on public.users is
  'supervisor_type is voice or chat';
comment on constraint users_username_check on public.users is
  'username has 2 to 100 of a-z, 0-9, ., _ and -, and begins with a letter or digit';
comment on constraint users_id_fkey on public.users is
  'a person has an account';

-- An e-mail address has one account, however it is spelt.
create unique index users_email on public.users (lower(email));
comment on index public.users_email is
  'another person has this e-mail address';
-- All admins, or all supervisors.
create index users_role on public.users (role);
-- A username has one person, however it is spelt.
create unique index users_username on public.users (lower(username)) where username is not null;
comment on index public.users_username is
  'another person has this username';
-- Parts of usernames.
create index users_username_search on public.users using gin (username extensions.gin_trgm_ops);
