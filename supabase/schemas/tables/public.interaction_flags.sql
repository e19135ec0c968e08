create table public.interaction_flags (
  id uuid not null default gen_random_uuid(),
  interaction_id uuid not null,
  supervisor_id uuid not null,
  state text not null default 'open',
  reason text,
  assigned_to uuid,
  assigned_name text,
  flagged_by uuid not null,
  flagged_by_name text not null,
  flagged_at timestamptz not null default now(),
  changed_by_name text not null,
  changed_at timestamptz not null default now(),
  version integer not null default 1,
  constraint interaction_flags_pkey primary key (id),
  constraint interaction_flags_once unique (interaction_id),
  constraint interaction_flags_assigned check ((assigned_to is null) = (assigned_name is null)),
  constraint interaction_flags_reason_check check (length(reason) >= 1 and length(reason) <= 500),
  constraint interaction_flags_state_check check (state in ('open', 'in_review', 'done')),
  constraint interaction_flags_assigned_to_fkey foreign key (assigned_to) references public.users(id),
  constraint interaction_flags_flagged_by_fkey foreign key (flagged_by) references public.users(id),
  constraint interaction_flags_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
);

comment on table public.interaction_flags is
  'Interactions that somebody ought to review: one flag each. audit_logs has who changed its state and whom it was assigned to.';
comment on column public.interaction_flags.reason is
  'Deleted when the interaction is forgotten; never in audit_logs.';
comment on column public.interaction_flags.assigned_to is
  'An admin or the supervisor of the interaction; null for nobody yet.';
comment on column public.interaction_flags.version is
  'Increases with each change, so that a page that is older is refused.';
comment on constraint interaction_flags_pkey on public.interaction_flags is
  'this id is taken';
comment on constraint interaction_flags_once on public.interaction_flags is
  'the interaction is flagged already';
comment on constraint interaction_flags_assigned on public.interaction_flags is
  'a flag is assigned to a person with a name, or to nobody';
comment on constraint interaction_flags_reason_check on public.interaction_flags is
  'reason has 1 to 500 characters';
comment on constraint interaction_flags_state_check on public.interaction_flags is
  'state is open, in_review or done';
comment on constraint interaction_flags_assigned_to_fkey on public.interaction_flags is
  'a flag is assigned to a person who exists';
comment on constraint interaction_flags_flagged_by_fkey on public.interaction_flags is
  'a flag was set by a person who exists';
comment on constraint interaction_flags_interaction on public.interaction_flags is
  'a flag belongs to an interaction of the same supervisor, which exists';

-- The foreign key to the person to whom it is assigned.
create index interaction_flags_assigned_to on public.interaction_flags (assigned_to) where assigned_to is not null;
-- The foreign key to the person who set it.
create index interaction_flags_flagged_by on public.interaction_flags (flagged_by);
-- The foreign key to the interaction and its supervisor, which cascades when an agent moves.
create index interaction_flags_owner on public.interaction_flags (interaction_id, supervisor_id);
