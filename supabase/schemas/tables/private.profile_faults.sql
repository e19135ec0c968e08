create table private.profile_faults (
  id bigint not null generated always as identity,
  user_id uuid not null,
  reason text not null,
  created_at timestamptz not null default now(),
  constraint profile_faults_pkey primary key (id)
);

comment on table private.profile_faults is
  'Logins whose metadata could not become a users row, and why.';
comment on constraint profile_faults_pkey on private.profile_faults is
  'this id is taken';

-- Retention, oldest first.
create index profile_faults_created on private.profile_faults (created_at);
