create table public.scorecards (
  version integer not null,
  criteria jsonb not null,
  created_at timestamptz not null default now(),
  created_by uuid,
  created_by_name text,
  constraint scorecards_pkey primary key (version),
  constraint scorecards_version_check check (version >= 1),
  constraint scorecards_criteria check (private.valid_criteria(criteria)),
  constraint scorecards_created_by_fkey foreign key (created_by) references public.users(id)
);

comment on table public.scorecards is
  'The criteria by which people score interactions; the last version is the present one. A score keeps the version it was given by.';
comment on column public.scorecards.criteria is
  '[{name, meaning, weight: 1 to 100}]; a score names them by their place, from 1.';
comment on column public.scorecards.created_by is
  'The admin; null for the version that a new database begins with.';
comment on constraint scorecards_pkey on public.scorecards is
  'there is this version of the criteria already';
comment on constraint scorecards_version_check on public.scorecards is
  'version is 1 or more';
comment on constraint scorecards_criteria on public.scorecards is
  'criteria are 1 to 20, each with a name of its own of 1 to 80 characters, a meaning of at most 500, and a weight from 1 to 100';
comment on constraint scorecards_created_by_fkey on public.scorecards is
  'criteria were made by a person who exists';

-- The foreign key to the admin.
create index scorecards_created_by on public.scorecards (created_by) where created_by is not null;
