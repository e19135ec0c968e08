-- Views and leaderboard read sums, not history. Whatever changes a sum inserts a row here in the same transaction, so two ends
-- never wait for each other. The sweeper adds the rows to private.performance_sums; readers add those that remain, so every number is
-- exact at any time. Tests compare random contact centres with a reference; private.recount_performance() makes the sums anew.
create table private.performance_changes (
  id bigint not null generated always as identity,
  agent_id uuid not null,
  supervisor_id uuid not null,
  started_at timestamptz not null,
  completed integer not null,
  handle_seconds bigint not null,
  rated integer not null,
  csat_hundredths bigint not null,
  resolutions integer not null,
  resolution_seconds bigint not null,
  fcr_known integer not null,
  fcr_true integer not null,
  constraint performance_changes_pkey primary key (id)
);

comment on table private.performance_changes is
  'Changes to be added to the sums: one row for each completed interaction, archive or change of one; negative for a deletion.';
comment on constraint performance_changes_pkey on private.performance_changes is
  'this id is taken';
