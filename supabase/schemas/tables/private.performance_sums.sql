create table private.performance_sums (
  span text not null,
  starts_at timestamptz not null,
  key uuid not null,
  completed bigint not null,
  handle_seconds bigint not null,
  rated bigint not null,
  csat_hundredths bigint not null,
  resolutions bigint not null,
  resolution_seconds bigint not null,
  fcr_known bigint not null,
  fcr_true bigint not null,
  constraint performance_sums_pkey primary key (span, starts_at, key),
  constraint performance_sums_span_check check (span in ('ever', 'month', 'day', 'quarter'))
) with (fillfactor=80);

comment on table private.performance_sums is
  'Sums of completed interactions: ever (all of an agent, starts_at -infinity), month and day (of a supervisor in a UTC month or day) and quarter (of an hour, for days and months of other time zones).';
comment on column private.performance_sums.key is
  'The agent for span ever, the supervisor for month, day and quarter.';
comment on constraint performance_sums_pkey on private.performance_sums is
  'there is one sum per span, start and key';
comment on constraint performance_sums_span_check on private.performance_sums is
  'span is ever, month, day or quarter';
