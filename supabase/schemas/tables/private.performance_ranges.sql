-- Sums of a range that somebody asked for, so that the leaderboard reads one row per supervisor instead of one per supervisor and
-- day. Context: p95 of 15 ms with 3,400 supervisors, days that begin at midnight anywhere, ranges of a year. Choice: days of UTC and
-- quarters of an hour, from which the first reader of a range makes these sums; the sweeper keeps them equal to the changes from then on.
-- The alternatives were slower: hours on read are up to 48 rows per supervisor, days 31, and sums by every time zone are written with each end.
create table private.performance_ranges (
  id bigint not null generated always as identity,
  whose text not null,
  since timestamptz not null,
  until timestamptz not null,
  asked_at timestamptz not null default now(),
  constraint performance_ranges_pkey primary key (id),
  constraint performance_ranges_once unique (whose, since, until),
  constraint performance_ranges_whose_check check (whose in ('supervisor', 'agent')),
  constraint performance_ranges_forward check (since < until)
);

comment on table private.performance_ranges is
  'Ranges in the past whose sums are in private.performance_range_sums; one that nobody has asked for in three days goes.';
comment on column private.performance_ranges.whose is
  'Whether the sums are those of supervisors or of agents.';
comment on column private.performance_ranges.asked_at is
  'When it was read last, within an hour.';
comment on constraint performance_ranges_pkey on private.performance_ranges is
  'this id is taken';
comment on constraint performance_ranges_once on private.performance_ranges is
  'the sums of this range are kept already';
comment on constraint performance_ranges_whose_check on private.performance_ranges is
  'sums are those of supervisors or of agents';
comment on constraint performance_ranges_forward on private.performance_ranges is
  'a range ends after it begins';
