-- supervisor_id travels by foreign key: the tables below reference (id, supervisor_id) with `on update cascade`. So one policy on
-- an indexed column serves every table, and an agent that moves takes all of its rows along.
create table public.interactions (
  id uuid not null default gen_random_uuid(),
  agent_id uuid not null,
  supervisor_id uuid not null,
  phone_number text,
  interaction_type text not null,
  livekit_room_id text,
  external_id text,
  status text not null default 'active',
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  duration_seconds integer generated always as (
    extract(epoch from ended_at - started_at)::integer) stored,
  created_at timestamptz not null default now(),
  anonymised_at timestamptz,
  series jsonb,
  end_reason text,
  reaped_at timestamptz,
  caller text,
  called_number text,
  agent_version integer,
  is_test boolean not null default false,
  constraint interactions_pkey primary key (id),
  constraint interactions_external unique (agent_id, external_id),
  constraint interactions_owner unique (id, supervisor_id),
  constraint interactions_called_number_check check (length(called_number) <= 255),
  constraint interactions_caller_check check (length(caller) <= 255),
  constraint interactions_end_reason_check check (length(end_reason) >= 1 and length(end_reason) <= 100),
  constraint interactions_ended check ((status = 'active') = (ended_at is null)),
  constraint interactions_external_id_check check (length(external_id) >= 1 and length(external_id) <= 255),
  constraint interactions_forward check (ended_at >= started_at),
  constraint interactions_interaction_type_check check (interaction_type in ('voice', 'chat')),
  constraint interactions_livekit_room_id_check check (length(livekit_room_id) <= 255),
  constraint interactions_phone_number_check check (phone_number ~ '^\+[1-9][0-9]{6,14}$'),
  constraint interactions_status_check check (status in ('active', 'completed', 'failed')),
  constraint interactions_agent foreign key (agent_id, supervisor_id, interaction_type) references public.agents(id,
    supervisor_id, agent_type) on update cascade on delete restrict
);

comment on table public.interactions is
  'One call or chat of a customer with an agent. What changes all the time is in interaction_pulse.';
comment on column public.interactions.phone_number is
  'E.164; null until it is known.';
comment on column public.interactions.caller is
  'The text sent in place of a number, where it is not a usable number or says more than a number. FCR uses phone_number alone.';
comment on column public.interactions.called_number is
  'The number that was called, in E.164, or as it was sent where that cannot be read.';
comment on column public.interactions.external_id is
  'The agent''s own id, unique per agent.';
comment on column public.interactions.anonymised_at is
  'When the words and the identity of the customer were removed. Counts stay.';
comment on column public.interactions.series is
  'The metrics down-sampled as in interaction_archives, for an interaction without an archive.';
comment on column public.interactions.agent_version is
  'The version of its agent with which it started.';
comment on column public.interactions.is_test is
  'It started while the guided set-up of its agent waited for the first call. No score, FCR, count or CSAT includes it.';
comment on column public.interactions.end_reason is
  'Why it ended, in a word of the provider or one of ours: completed, handed_over, disconnected, timeout, voicemail ….';
comment on column public.interactions.reaped_at is
  'When it was failed because its agent was silent. The agent may complete it later, once.';
comment on constraint interactions_pkey on public.interactions is
  'this id is taken';
comment on constraint interactions_external on public.interactions is
  'an interaction with this external_id exists';
comment on constraint interactions_owner on public.interactions is
  'this id is taken';
comment on constraint interactions_called_number_check on public.interactions is
  'called_number has at most 255 characters';
comment on constraint interactions_caller_check on public.interactions is
  'caller has at most 255 characters';
comment on constraint interactions_end_reason_check on public.interactions is
  'end_reason has 1 to 100 characters';
comment on constraint interactions_ended on public.interactions is
  'an interaction has an end when it is not active, and only then';
comment on constraint interactions_external_id_check on public.interactions is
  'external_id has 1 to 255 characters';
comment on constraint interactions_forward on public.interactions is
  'an interaction ends after it started';
comment on constraint interactions_interaction_type_check on public.interactions is
  'interaction_type is voice or chat';
comment on constraint interactions_livekit_room_id_check on public.interactions is
  'livekit_room_id has at most 255 characters';
comment on constraint interactions_phone_number_check on public.interactions is
  'phone_number is not an international (E.164) number';
comment on constraint interactions_status_check on public.interactions is
  'status is active, completed or failed';
comment on constraint interactions_agent on public.interactions is
  'an interaction has an agent of its own type and supervisor, which exists';

-- A supervisor's active interactions, which are few among many.
create index interactions_active on public.interactions (supervisor_id) where status = 'active';
-- An agent's interactions by status, newest first.
create index interactions_agent_status on public.interactions (agent_id, status, started_at desc);
-- An agent has one active interaction.
create unique index interactions_one_active on public.interactions (agent_id) where status = 'active';
comment on index public.interactions_one_active is
  'the agent already has an active interaction';
-- Parts of the text of callers without a usable number.
create index interactions_caller_search on public.interactions using gin (caller extensions.gin_trgm_ops)
    where caller is not null;
-- Parts of phone numbers.
create index interactions_phone_search on public.interactions using gin (phone_number extensions.gin_trgm_ops);
-- FCR: the same number within three days.
create index interactions_phone_started on public.interactions (phone_number, started_at desc);
-- A supervisor's interactions, newest first: leaderboard and sums.
create index interactions_supervisor_started on public.interactions (supervisor_id, started_at desc);
-- Retention: ended interactions that still have personal data, oldest first.
create index interactions_to_anonymise on public.interactions (ended_at) where ended_at is not null
    and anonymised_at is null;
-- Rules of alerts: what failed lately.
create index interactions_failed on public.interactions (ended_at) where status = 'failed';
