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
  'Completed interactions summed: ever (an agent''s all, starts_at -infinity), month and day (a supervisor''s of a UTC month or day) and quarter (of a quarter of an hour, for days and months that begin elsewhere).';
comment on column private.performance_sums.key is
  'The agent for ever, the supervisor for month, day and quarter.';
comment on constraint performance_sums_pkey on private.performance_sums is
  'there is one sum per span, start and key';
comment on constraint performance_sums_span_check on private.performance_sums is
  'span is ever, month, day or quarter';
