create table public.interaction_note_versions (
  note_id uuid not null,
  version integer not null,
  words text not null,
  written_at timestamptz not null default now(),
  constraint interaction_note_versions_pkey primary key (note_id, version),
  constraint interaction_note_versions_version_check check (version >= 1),
  constraint interaction_note_versions_words_check check (length(words) >= 1 and length(words) <= 4000),
  constraint interaction_note_versions_note_id_fkey foreign key (note_id) references public.interaction_notes(id) on delete cascade
);

comment on table public.interaction_note_versions is
  'Every version of the words of a note, all by its author. Deleted when the interaction is forgotten.';
comment on constraint interaction_note_versions_pkey on public.interaction_note_versions is
  'the note has this version already';
comment on constraint interaction_note_versions_version_check on public.interaction_note_versions is
  'version is 1 or more';
comment on constraint interaction_note_versions_words_check on public.interaction_note_versions is
  'a note has 1 to 4000 characters';
comment on constraint interaction_note_versions_note_id_fkey on public.interaction_note_versions is
  'a version belongs to a note that exists';
