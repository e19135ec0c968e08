create table public.interaction_notes (
  id uuid not null,
  interaction_id uuid not null,
  supervisor_id uuid not null,
  line text,
  author_id uuid not null,
  author_name text not null,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  withdrawn_at timestamptz,
  constraint interaction_notes_pkey primary key (id),
  constraint interaction_notes_line_check check (line ~ '^(t[0-9]{1,18}|q[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$'),
  constraint interaction_notes_version_check check (version >= 1),
  constraint interaction_notes_author_id_fkey foreign key (author_id) references public.users(id),
  constraint interaction_notes_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
);

comment on table public.interaction_notes is
  'What people write about an interaction. The words are in interaction_note_versions, so that a policy can hide those of a note that was withdrawn.';
comment on column public.interaction_notes.id is
  'Chosen by the page that shows the form, so that a form that is sent twice is stored once.';
comment on column public.interaction_notes.line is
  'The line of the timeline that it is about, as the page names it: t and the id of a turn, q and the id of a tool permission; null for the whole interaction.';
comment on column public.interaction_notes.version is
  'The present version of the words.';
comment on constraint interaction_notes_pkey on public.interaction_notes is
  'this id is taken';
comment on constraint interaction_notes_line_check on public.interaction_notes is
  'line is t and the id of a turn, or q and the id of a tool permission';
comment on constraint interaction_notes_version_check on public.interaction_notes is
  'version is 1 or more';
comment on constraint interaction_notes_author_id_fkey on public.interaction_notes is
  'a note has an author who exists';
comment on constraint interaction_notes_interaction on public.interaction_notes is
  'a note belongs to an interaction of the same supervisor, which exists';

-- The foreign key to the author.
create index interaction_notes_author on public.interaction_notes (author_id);
-- The notes of an interaction, and the foreign key, which cascades when an agent moves.
create index interaction_notes_owner on public.interaction_notes (interaction_id, supervisor_id);
