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
  'What is to be added to the sums: one row for each completed interaction, archive or change of them; negative where something went.';
comment on constraint performance_changes_pkey on private.performance_changes is
  'this id is taken';
