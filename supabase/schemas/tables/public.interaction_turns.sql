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
