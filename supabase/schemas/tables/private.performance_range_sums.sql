create table private.performance_range_sums (
  range_id bigint not null,
  key uuid not null,
  completed bigint not null,
  handle_seconds bigint not null,
  rated bigint not null,
  csat_hundredths bigint not null,
  fcr_known bigint not null,
  fcr_true bigint not null,
  constraint performance_range_sums_pkey primary key (range_id, key),
  constraint performance_range_sums_range_id_fkey foreign key (range_id) references private.performance_ranges(id) on delete cascade
) with (fillfactor=90);

comment on table private.performance_range_sums is
  'Sums of completed interactions in a range of private.performance_ranges, by supervisor or agent.';
comment on column private.performance_range_sums.key is
  'The supervisor or the agent, as whose of the range says.';
comment on constraint performance_range_sums_pkey on private.performance_range_sums is
  'there is one sum per range and key';
comment on constraint performance_range_sums_range_id_fkey on private.performance_range_sums is
  'sums belong to a range that exists';
