create table public.interaction_scores (
  id uuid not null default gen_random_uuid(),
  interaction_id uuid not null,
  supervisor_id uuid not null,
  version integer not null,
  answers jsonb not null,
  total numeric(5,2) not null,
  scored_by uuid not null,
  scored_by_name text not null,
  by_admin boolean not null,
  scored_at timestamptz not null default now(),
  constraint interaction_scores_pkey primary key (id),
  constraint interaction_scores_once unique (interaction_id),
  constraint interaction_scores_answers_check check (jsonb_typeof(answers) = 'object' and answers <> '{}'),
  constraint interaction_scores_total_check check (total >= 0 and total <= 100),
  constraint interaction_scores_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade,
  constraint interaction_scores_scored_by_fkey foreign key (scored_by) references public.users(id),
  constraint interaction_scores_version_fkey foreign key (version) references public.scorecards(version)
);

comment on table public.interaction_scores is
  'How people scored an interaction by the criteria of one version. No score of the leaderboard includes it.';
comment on column public.interaction_scores.answers is
  '{place of the criterion: no, partly or yes}; a criterion that nobody answered is absent.';
comment on column public.interaction_scores.total is
  '0 to 100: the answers (no 0, partly 0.5, yes 1) weighted, over the criteria that were answered.';
comment on column public.interaction_scores.by_admin is
  'Whether an admin scored it. Then only admins change it.';
comment on constraint interaction_scores_pkey on public.interaction_scores is
  'this id is taken';
comment on constraint interaction_scores_once on public.interaction_scores is
  'the interaction has a score already';
comment on constraint interaction_scores_answers_check on public.interaction_scores is
  'answers is an object with an answer at least';
comment on constraint interaction_scores_total_check on public.interaction_scores is
  'total is 0 to 100';
comment on constraint interaction_scores_interaction on public.interaction_scores is
  'a score belongs to an interaction of the same supervisor, which exists';
comment on constraint interaction_scores_scored_by_fkey on public.interaction_scores is
  'a score was given by a person who exists';
comment on constraint interaction_scores_version_fkey on public.interaction_scores is
  'a score was given by criteria that exist';

-- The foreign key to the interaction and its supervisor, which cascades when an agent moves.
create index interaction_scores_owner on public.interaction_scores (interaction_id, supervisor_id);
-- The foreign key to the person who scored.
create index interaction_scores_scored_by on public.interaction_scores (scored_by);
-- The scores of a supervisor, for the column of the leaderboard.
create index interaction_scores_supervisor on public.interaction_scores (supervisor_id);
-- The foreign key to the criteria.
create index interaction_scores_version on public.interaction_scores (version);
-- What was scored since a range began: nobody scores an interaction before it begins.
create index interaction_scores_scored_at on public.interaction_scores (scored_at);
