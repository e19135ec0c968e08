create table public.interaction_turns (
  id bigint not null generated always as identity,
  interaction_id uuid not null,
  supervisor_id uuid not null,
  captured_at timestamptz not null default clock_timestamp(),
  speaker text not null,
  text text not null,
  created_at timestamptz not null default now(),
  external_id text,
  final boolean not null default false,
  interrupted boolean not null default false,
  late boolean not null default false,
  digest bytea,
  constraint interaction_turns_pkey primary key (id),
  constraint interaction_turns_once unique (interaction_id, captured_at, speaker, digest),
  constraint interaction_turns_external_id_check check (length(external_id) >= 1 and length(external_id) <= 255),
  constraint interaction_turns_speaker_check check (speaker in ('customer', 'agent', 'tool')),
  constraint interaction_turns_text_check check (length(text) <= 4000),
  constraint interaction_turns_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
);

comment on table public.interaction_turns is
  'The live transcript: who said what. Deleted with the archive.';
comment on column public.interaction_turns.captured_at is
  'When it was said, by the sender''s clock.';
comment on column public.interaction_turns.external_id is
  'The sender''s own id. A turn with the same id replaces this one.';
comment on column public.interaction_turns.final is
  'Whether the sender marked the text as complete. Then only a final turn replaces it.';
comment on column public.interaction_turns.interrupted is
  'Whether another speaker began before it was finished.';
comment on column public.interaction_turns.late is
  'Whether it arrived after the end of the interaction, at most ten minutes.';
comment on column public.interaction_turns.digest is
  'SHA-256 of its external_id, or without one of its text. With moment and speaker it identifies the turn.';
comment on constraint interaction_turns_pkey on public.interaction_turns is
  'this id is taken';
comment on constraint interaction_turns_once on public.interaction_turns is
  'the interaction has this turn already';
comment on constraint interaction_turns_external_id_check on public.interaction_turns is
  'external_id has 1 to 255 characters';
comment on constraint interaction_turns_speaker_check on public.interaction_turns is
  'speaker is customer, agent or tool';
comment on constraint interaction_turns_text_check on public.interaction_turns is
  'text has at most 4000 characters';
comment on constraint interaction_turns_interaction on public.interaction_turns is
  'a turn belongs to an interaction of the same supervisor, which exists';

-- A turn with the same external_id replaces it.
create unique index interaction_turns_external on public.interaction_turns (interaction_id, external_id)
    where external_id is not null;
comment on index public.interaction_turns_external is
  'the interaction has a turn with this external_id already';
