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
  constraint interaction_pulse_pkey primary key (interaction_id),
  constraint interaction_pulse_satisfaction_score_check check (satisfaction_score >= 0::numeric
    and satisfaction_score <= 100::numeric),
  constraint interaction_pulse_sentiment_check check (sentiment in ('good', 'neutral', 'critical')),
  constraint interaction_pulse_agent_id_fkey foreign key (agent_id) references public.agents(id),
  constraint interaction_pulse_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
) with (fillfactor=50, autovacuum_vacuum_cost_limit=50, autovacuum_vacuum_scale_factor=0.5,
    autovacuum_analyze_threshold=500000);
-- Nothing is looked up by what these hold, and to sample them takes most of an ANALYZE.
alter table public.interaction_pulse alter column scores set statistics 0;
alter table public.interaction_pulse alter column feed set statistics 0;
alter table public.interaction_pulse alter column grants set statistics 0;

comment on table public.interaction_pulse is
  'One row an active interaction, kept by realtime_metrics: what the floor and the wallboard read.';
comment on column public.interaction_pulse.last_seen_at is
  'When anything was last heard of it, by the database''s clock.';
comment on column public.interaction_pulse.scores is
  'The last 60 satisfaction scores, oldest first.';
comment on column public.interaction_pulse.feed is
  'The last 3 feed lines [{at, text}], newest first.';
comment on column public.interaction_pulse.started_at is
  'Of the interaction: what is as bad as another and older stands before it.';
comment on column public.interaction_pulse.phone_number is
  'Of the interaction, as long as it is active.';
comment on column public.interaction_pulse.caller is
  'Of the interaction, as long as it is active.';
comment on column public.interaction_pulse.grants is
  'The grants that have not ended, as pages show them; kept by tool_grants.';
comment on column public.interaction_pulse.captured_at is
  'The newest moment that a metric of it counts for.';
comment on column public.interaction_pulse.lag_seconds is
  'How far the stamp of the last metric that seemed late was behind. What comes again so far behind is of another clock, and not late.';
comment on column public.interaction_pulse.lag_at is
  'When that metric came.';
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
