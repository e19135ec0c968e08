create table public.setup_steps (
  agent_id uuid,
  step text not null,
  at timestamptz not null default clock_timestamp(),
  status integer,
  detail text,
  id bigint not null generated always as identity,
  constraint setup_steps_pkey primary key (id),
  constraint setup_steps_once unique nulls not distinct (agent_id, step),
  constraint setup_steps_step_check check (step in ('key_accepted', 'interaction_opened', 'first_metric',
    'permission_requested', 'decision_delivered', 'refused')),
  constraint setup_steps_detail_check check (length(detail) <= 1000),
  constraint setup_steps_agent_id_fkey foreign key (agent_id) references public.agents(id) on delete cascade
);

comment on table public.setup_steps is
  'What arrived of an agent whose guided set-up waits for the first call: one row per step.';
comment on column public.setup_steps.agent_id is
  'Null for the newest request with an unknown key.';
comment on column public.setup_steps.status is
  'The HTTP status of a refusal.';
comment on column public.setup_steps.detail is
  'The sentence of a refusal.';
comment on constraint setup_steps_pkey on public.setup_steps is
  'this id is taken';
comment on constraint setup_steps_once on public.setup_steps is
  'a step is noted once';
comment on constraint setup_steps_step_check on public.setup_steps is
  'a step is one of the guided set-up';
comment on constraint setup_steps_detail_check on public.setup_steps is
  'detail has at most 1000 characters';
comment on constraint setup_steps_agent_id_fkey on public.setup_steps is
  'a step belongs to an agent that exists';
