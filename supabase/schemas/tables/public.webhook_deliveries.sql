create table public.webhook_deliveries (
  id bigint not null generated always as identity,
  event_id uuid not null default gen_random_uuid(),
  agent_id uuid not null,
  interaction_id uuid not null,
  event text not null,
  url text not null,
  host text not null,
  created_at timestamptz not null default clock_timestamp(),
  attempts integer not null default 0,
  next_at timestamptz default clock_timestamp(),
  delivered_at timestamptz,
  http_status integer,
  answer text,
  constraint webhook_deliveries_pkey primary key (id),
  constraint webhook_deliveries_event_check check (event in ('interaction.ended')),
  constraint webhook_deliveries_answer_check check (length(answer) <= 500),
  constraint webhook_deliveries_state_check check (delivered_at is null or next_at is null),
  constraint webhook_deliveries_agent_id_fkey foreign key (agent_id) references public.agents(id) on delete cascade,
  constraint webhook_deliveries_interaction_id_fkey foreign key (interaction_id) references public.interactions(id) on delete cascade
);

comment on table public.webhook_deliveries is
  'Events for the world outside, one row per event and address: waiting (next_at), delivered (delivered_at) or given up (neither).';
comment on column public.webhook_deliveries.event_id is
  'The header webhook-id, the same in each attempt: the receiver ignores what it has seen.';
comment on column public.webhook_deliveries.host is
  'Host and port of the address; at most four attempts to one host run at once.';
comment on column public.webhook_deliveries.next_at is
  'When the next attempt is due; while one runs, when it is taken for lost.';
comment on column public.webhook_deliveries.http_status is
  'Of the last answer; null when there was none.';
comment on column public.webhook_deliveries.answer is
  'How the last answer began, or why there was none.';
comment on constraint webhook_deliveries_pkey on public.webhook_deliveries is
  'this id is taken';
comment on constraint webhook_deliveries_event_check on public.webhook_deliveries is
  'event is interaction.ended';
comment on constraint webhook_deliveries_answer_check on public.webhook_deliveries is
  'answer has at most 500 characters';
comment on constraint webhook_deliveries_state_check on public.webhook_deliveries is
  'what is delivered has no next attempt';
comment on constraint webhook_deliveries_agent_id_fkey on public.webhook_deliveries is
  'a delivery belongs to an agent that exists';
comment on constraint webhook_deliveries_interaction_id_fkey on public.webhook_deliveries is
  'a delivery is about an interaction that exists';

-- What is due, for the process that delivers.
create index webhook_deliveries_due on public.webhook_deliveries (next_at) where next_at is not null;
-- The last deliveries of an agent, for its page.
create index webhook_deliveries_agent on public.webhook_deliveries (agent_id, id desc);
-- Those of an interaction that is forgotten or deleted.
create index webhook_deliveries_interaction on public.webhook_deliveries (interaction_id);
