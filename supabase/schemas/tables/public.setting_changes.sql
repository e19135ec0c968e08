create table public.setting_changes (
  id bigint not null generated always as identity,
  name text not null,
  before text not null,
  after text not null,
  at timestamptz not null default clock_timestamp(),
  changed_by uuid,
  changed_by_name text,
  constraint setting_changes_pkey primary key (id),
  constraint setting_changes_name_fkey foreign key (name) references private.settings(name),
  constraint setting_changes_changed_by_fkey foreign key (changed_by) references public.users(id)
);

comment on table public.setting_changes is
  'Append-only: what held before and after each change of a setting, when, and who changed it.';
comment on column public.setting_changes.changed_by is
  'The admin; null for the environment of a web process at its start.';
comment on constraint setting_changes_pkey on public.setting_changes is
  'this id is taken';
comment on constraint setting_changes_name_fkey on public.setting_changes is
  'a change is of a setting that exists';
comment on constraint setting_changes_changed_by_fkey on public.setting_changes is
  'a setting is changed by a person who exists';

-- The history of one setting, newest first, and the foreign key to it.
create index setting_changes_of on public.setting_changes (name, id desc);
-- The foreign key to the admin.
create index setting_changes_by on public.setting_changes (changed_by) where changed_by is not null;
