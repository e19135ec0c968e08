create table public.interaction_archives (
  id uuid not null default gen_random_uuid(),
  interaction_id uuid not null,
  supervisor_id uuid not null,
  summary text not null,
  issues jsonb,
  tags jsonb,
  csat_score numeric(5,2),
  resolution_time_seconds integer,
  fcr_status boolean,
  series jsonb,
  created_at timestamptz not null default now(),
  constraint interaction_archives_pkey primary key (id),
  constraint interaction_archives_interaction_id_key unique (interaction_id),
  constraint interaction_archives_csat_score_check check (csat_score >= 0::numeric and csat_score <= 100::numeric),
  constraint interaction_archives_issues check (private.valid_issues(issues)),
  constraint interaction_archives_resolution_time_seconds_check check (resolution_time_seconds >= 0),
  constraint interaction_archives_summary_check check (length(summary) >= 1 and length(summary) <= 10000),
  constraint interaction_archives_tags check (private.valid_tags(tags)),
  constraint interaction_archives_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
);

comment on table public.interaction_archives is
  'Summary, issues, tags and scores of an ended interaction; one each.';
comment on column public.interaction_archives.fcr_status is
  'Resolved at first contact: true, false, or null when the number or the issues are unknown.';
comment on column public.interaction_archives.series is
  'The metrics down-sampled [[seconds, score, sentiment]], kept when the metrics are deleted.';
comment on constraint interaction_archives_pkey on public.interaction_archives is
  'this id is taken';
comment on constraint interaction_archives_interaction_id_key on public.interaction_archives is
  'the interaction has an archive already';
comment on constraint interaction_archives_csat_score_check on public.interaction_archives is
  'csat_score is 0 to 100';
comment on constraint interaction_archives_issues on public.interaction_archives is
  'issues is a list of {issue, status: resolved|unresolved, priority: low|medium|high}';
comment on constraint interaction_archives_resolution_time_seconds_check on public.interaction_archives is
  'resolution_time_seconds is 0 or more';
comment on constraint interaction_archives_summary_check on public.interaction_archives is
  'summary has 1 to 10000 characters';
comment on constraint interaction_archives_tags on public.interaction_archives is
  'tags is {topics: [], sentiment, issues: [{tag, status: resolved|unresolved}]}';
comment on constraint interaction_archives_interaction on public.interaction_archives is
  'an archive belongs to an interaction of the same supervisor, which exists';

-- Retention, oldest first.
create index interaction_archives_created on public.interaction_archives (created_at);
-- Archives with an issue, for FCR and search.
create index interaction_archives_issues_gin on public.interaction_archives using gin (issues);
-- The foreign key to the interaction and its supervisor, which cascades when an agent moves.
create index interaction_archives_owner on public.interaction_archives (interaction_id, supervisor_id);
-- Parts of words in summaries.
create index interaction_archives_search on public.interaction_archives using gin (summary extensions.gin_trgm_ops);
-- A supervisor's archives, newest first.
create index interaction_archives_supervisor on public.interaction_archives (supervisor_id, created_at desc);
-- Archives with a topic or a tag.
create index interaction_archives_tags on public.interaction_archives using gin (tags);
