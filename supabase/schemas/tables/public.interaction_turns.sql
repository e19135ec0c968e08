create table public.interaction_turns (
  id bigint not null generated always as identity,
  interaction_id uuid not null,
  supervisor_id uuid not null,
  captured_at timestamptz not null default clock_timestamp(),
  speaker text not null,
  text text not null,
  created_at timestamptz not null default now(),
  constraint interaction_turns_pkey primary key (id),
  constraint interaction_turns_once unique (interaction_id, captured_at),
  constraint interaction_turns_speaker_check check (speaker in ('customer', 'agent', 'tool')),
  constraint interaction_turns_text_check check (length(text) <= 4000),
  constraint interaction_turns_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
);

comment on table public.interaction_turns is
  'The live transcript: who said what. Goes with the archive.';
comment on constraint interaction_turns_pkey on public.interaction_turns is
  'this id is taken';
comment on constraint interaction_turns_once on public.interaction_turns is
  'the interaction has a turn of this moment already';
comment on constraint interaction_turns_speaker_check on public.interaction_turns is
  'speaker is customer, agent or tool';
comment on constraint interaction_turns_text_check on public.interaction_turns is
  'text has at most 4000 characters';
comment on constraint interaction_turns_interaction on public.interaction_turns is
  'a turn belongs to an interaction of the same supervisor, which exists';
