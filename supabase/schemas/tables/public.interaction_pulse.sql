-- An interaction is active as long as it has a row here. Metrics, permissions and the end meet at the lock of this row, so
-- nothing is stored after the end, and live pages read one small row per interaction.
create table public.interaction_pulse (
  interaction_id uuid not null,
  agent_id uuid not null,
  supervisor_id uuid not null,
  last_seen_at timestamptz not null default clock_timestamp(),
  captured_at timestamptz,
  sentiment text,
  satisfaction_score numeric(5,2),
  scores numeric(5,2)[] not null default '{}'::numeric[],
  feed jsonb not null default '[]',
  started_at timestamptz not null default now(),
  phone_number text,
  grants jsonb,
  lag_seconds double precision,
  lag_at timestamptz,
  caller text,
  is_test boolean not null default false,
  ends_at timestamptz,
  silent_since timestamptz,
  silent_until timestamptz,
  critical_until timestamptz,
  low_until timestamptz,
  critical_since timestamptz,
  constraint interaction_pulse_pkey primary key (interaction_id),
  constraint interaction_pulse_satisfaction_score_check check (satisfaction_score >= 0::numeric
    and satisfaction_score <= 100::numeric),
  constraint interaction_pulse_sentiment_check check (sentiment in ('good', 'neutral', 'critical')),
  constraint interaction_pulse_agent_id_fkey foreign key (agent_id) references public.agents(id),
  constraint interaction_pulse_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
) with (fillfactor=50, autovacuum_vacuum_cost_limit=50, autovacuum_vacuum_scale_factor=0.5,
    autovacuum_analyze_threshold=500000);
-- No query filters by these columns, and sampling them takes most of an ANALYZE.
alter table public.interaction_pulse alter column scores set statistics 0;
alter table public.interaction_pulse alter column feed set statistics 0;
alter table public.interaction_pulse alter column grants set statistics 0;

comment on table public.interaction_pulse is
  'One row per active interaction with its newest metric, written by triggers of realtime_metrics. The floor and the wallboard read it.';
comment on column public.interaction_pulse.last_seen_at is
  'When the agent last reported anything of it, by the database''s clock.';
comment on column public.interaction_pulse.silent_since is
  'Since when nothing has been received, once that is stale_seconds; null while it is heard.';
comment on column public.interaction_pulse.silent_until is
  'When its last silence ended.';
comment on column public.interaction_pulse.critical_until is
  'Infinity while the sentiment is critical and it is heard; then when that ended.';
comment on column public.interaction_pulse.critical_since is
  'When it became critical, the last time; less than a minute between two such times does not count.';
comment on column public.interaction_pulse.low_until is
  'Infinity while the satisfaction is under critical_below; then when that ended.';
comment on column public.interaction_pulse.scores is
  'The last 60 satisfaction scores, oldest first.';
comment on column public.interaction_pulse.feed is
  'The last 3 feed lines [{at, text}], newest first.';
comment on column public.interaction_pulse.started_at is
  'Of the interaction. Among equally bad ones the older comes first.';
comment on column public.interaction_pulse.phone_number is
  'Copied from the interaction.';
comment on column public.interaction_pulse.caller is
  'Copied from the interaction.';
comment on column public.interaction_pulse.is_test is
  'Copied from the interaction.';
comment on column public.interaction_pulse.ends_at is
  'When the agent''s max_call_duration, as it was at the start, is over.';
comment on column public.interaction_pulse.grants is
  'The grants that have not ended, as pages show them; kept by tool_grants.';
comment on column public.interaction_pulse.captured_at is
  'The newest effective moment of its metrics.';
comment on column public.interaction_pulse.lag_seconds is
  'How many seconds the last metric that seemed late was behind. A metric that is as far behind comes from a slow clock and is not late.';
comment on column public.interaction_pulse.lag_at is
  'When that metric arrived.';
comment on constraint interaction_pulse_pkey on public.interaction_pulse is
  'an interaction has one pulse';
comment on constraint interaction_pulse_satisfaction_score_check on public.interaction_pulse is
  'satisfaction_score is 0 to 100';
comment on constraint interaction_pulse_sentiment_check on public.interaction_pulse is
  'sentiment is good, neutral or critical';
comment on constraint interaction_pulse_agent_id_fkey on public.interaction_pulse is
  'a pulse belongs to an agent that exists';
comment on constraint interaction_pulse_interaction on public.interaction_pulse is
  'a pulse belongs to an interaction of the same supervisor, which exists';

-- The foreign key to the agent.
create index interaction_pulse_agent on public.interaction_pulse (agent_id);
-- The foreign key to the interaction and its supervisor, which cascades when an agent moves.
create index interaction_pulse_owner on public.interaction_pulse (interaction_id, supervisor_id);
-- A supervisor's live interactions: the floor.
create index interaction_pulse_supervisor on public.interaction_pulse (supervisor_id);
-- The sweep: interactions that have lasted as long as they may.
create index interaction_pulse_ends on public.interaction_pulse (ends_at) where ends_at is not null;
