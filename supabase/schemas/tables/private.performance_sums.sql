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
  constraint performance_sums_span_check check (span in ('ever', 'month', 'day', 'agent_day', 'quarter', 'agent_quarter'))
) with (fillfactor=80);

comment on table private.performance_sums is
  'Sums of completed interactions: ever (all of an agent, starts_at -infinity), month and day (of a supervisor in a UTC month or day), agent_day (of an agent in a UTC day), quarter and agent_quarter (of a supervisor or an agent in a quarter of an hour, for days of other time zones).';
comment on column private.performance_sums.key is
  'The supervisor for month, day and quarter, the agent for all other spans.';
comment on constraint performance_sums_pkey on private.performance_sums is
  'there is one sum per span, start and key';
comment on constraint performance_sums_span_check on private.performance_sums is
  'span is ever, month, day, agent_day, quarter or agent_quarter';

-- A few keys over a range: a trend, and the quarters of today.
create index performance_sums_agent on private.performance_sums (key, starts_at) where span in ('quarter', 'agent_quarter');
