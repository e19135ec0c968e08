-- The leaderboard of any range, of agents too: sums by agents' days and quarters of an hour, and sums of ranges that somebody asked for.

-- What is not added yet goes to where the present functions look for it.
lock table private.performance_changes in share row exclusive mode;
select private.fold_performance(null);

-- squawk-ignore ban-drop-constraint -- the next statement allows one span more
alter table private.performance_sums drop constraint performance_sums_span_check;
-- squawk-ignore constraint-missing-not-valid -- nothing but fold_performance writes here, and it waits for the lock above
alter table private.performance_sums add constraint performance_sums_span_check check (span in ('ever', 'month', 'day', 'agent_day', 'quarter', 'agent_quarter'));
comment on constraint performance_sums_span_check on private.performance_sums is
  'span is ever, month, day, agent_day, quarter or agent_quarter';
comment on table private.performance_sums is
  'Sums of completed interactions: ever (all of an agent, starts_at -infinity), month and day (of a supervisor in a UTC month or day), agent_day (of an agent in a UTC day), quarter and agent_quarter (of a supervisor or an agent in a quarter of an hour, for days of other time zones).';
comment on column private.performance_sums.key is
  'The supervisor for month, day and quarter, the agent for all other spans.';

delete from private.performance_sums where span = 'quarter';
insert into private.performance_sums (span, starts_at, key, completed, handle_seconds, rated, csat_hundredths, resolutions, resolution_seconds,
  fcr_known, fcr_true)
select 'quarter', date_bin('15 minutes', i.started_at, '2000-01-01 00:00+00'), i.supervisor_id, count(*), sum(i.duration_seconds), count(r.csat_score),
  coalesce(sum((r.csat_score * 100)::bigint), 0), count(r.resolution_time_seconds), coalesce(sum(r.resolution_time_seconds), 0),
  count(r.fcr_status), count(*) filter (where r.fcr_status)
from public.interactions i left join public.interaction_archives r on r.interaction_id = i.id
where i.status = 'completed' and not i.is_test and i.started_at >= date_trunc('day', now() - interval '400 days', 'UTC')
group by 2, 3 order by 2, 3;
insert into private.performance_sums (span, starts_at, key, completed, handle_seconds, rated, csat_hundredths, resolutions, resolution_seconds,
  fcr_known, fcr_true)
select 'agent_quarter', date_bin('15 minutes', i.started_at, '2000-01-01 00:00+00'), i.agent_id, count(*), sum(i.duration_seconds), count(r.csat_score),
  coalesce(sum((r.csat_score * 100)::bigint), 0), count(r.resolution_time_seconds), coalesce(sum(r.resolution_time_seconds), 0),
  count(r.fcr_status), count(*) filter (where r.fcr_status)
from public.interactions i left join public.interaction_archives r on r.interaction_id = i.id
where i.status = 'completed' and not i.is_test and i.started_at >= date_trunc('day', now() - interval '400 days', 'UTC')
group by 2, 3 order by 2, 3;
insert into private.performance_sums (span, starts_at, key, completed, handle_seconds, rated, csat_hundredths, resolutions, resolution_seconds,
  fcr_known, fcr_true)
select 'agent_day', date_trunc('day', starts_at, 'UTC'), key, sum(completed), sum(handle_seconds), sum(rated), sum(csat_hundredths), sum(resolutions),
  sum(resolution_seconds), sum(fcr_known), sum(fcr_true)
from private.performance_sums where span = 'agent_quarter' group by 2, 3 order by 2, 3;
-- A few keys over a range: a trend, and the quarters of today.
-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; fold_performance waits for the lock above
create index performance_sums_agent on private.performance_sums (key, starts_at) where span in ('quarter', 'agent_quarter');

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
alter table private.performance_ranges enable row level security;

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
alter table private.performance_range_sums enable row level security;

-- What was scored since a range began: nobody scores an interaction before it begins.
-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; people score a few interactions
create index interaction_scores_scored_at on public.interaction_scores (scored_at);

create or replace function private.check_range(p_since timestamptz, p_until timestamptz) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_since is null or p_until is null or not pg_catalog.isfinite(p_since) or not pg_catalog.isfinite(p_until) then
    raise exception 'a range needs its first and its last moment' using errcode = 'FW422';
  elsif p_since >= p_until then
    raise exception 'the range ends before it begins' using errcode = 'FW422';
  elsif p_since > pg_catalog.now() then
    raise exception 'the range begins in the future' using errcode = 'FW422';
  elsif p_since < pg_catalog.now() - interval '399 days' then
    raise exception 'the leaderboard reaches back 397 days' using errcode = 'FW422';
  elsif p_since <> pg_catalog.date_bin('15 minutes', p_since, '2000-01-01 00:00+00')
      or p_until <> pg_catalog.date_bin('15 minutes', p_until, '2000-01-01 00:00+00') then
    raise exception 'a range begins and ends at a quarter of an hour' using errcode = 'FW422';
  end if;
end $$;
comment on function private.check_range(timestamptz, timestamptz) is
  'FW422 for a range that the sums cannot answer.';

create or replace function private.closed_part(p_since timestamptz, p_until timestamptz, out since timestamptz, out until timestamptz, out sign integer)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_day timestamptz := pg_catalog.date_trunc('day', pg_catalog.now(), 'UTC');
begin
  if p_until <= pg_catalog.now() then
    since := p_since; until := p_until; sign := 1;
  elsif p_since <= v_day then
    since := p_since; until := v_day; sign := 1;
  else
    since := v_day; until := p_since; sign := -1;
  end if;
end $$;
comment on function private.closed_part(timestamptz, timestamptz) is
  'The part of a range that no longer grows, and its sign. A range that goes on consists of this part and the present UTC day; where it begins within that day, the part before it is taken away.';

create or replace function private.sums_between(p_whose text, p_since timestamptz, p_until timestamptz) returns table(key uuid, completed bigint, handle_seconds bigint, rated bigint, csat_hundredths bigint, fcr_known bigint, fcr_true bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Whole UTC days from the first midnight until the last; quarters of an hour before and after.
  v_first timestamptz := pg_catalog.date_trunc('day', p_since - interval '1 microsecond', 'UTC') + interval '24 hours';
  v_last timestamptz := pg_catalog.date_trunc('day', p_until, 'UTC');
  v_span text := case p_whose when 'supervisor' then 'day' else 'agent_day' end;
  v_edge text := case p_whose when 'supervisor' then 'quarter' else 'agent_quarter' end;
begin
  return query
  select p.key, pg_catalog.sum(p.completed::double precision)::bigint, pg_catalog.sum(p.handle_seconds::double precision)::bigint, pg_catalog.sum(p.rated::double precision)::bigint,
    pg_catalog.sum(p.csat_hundredths::double precision)::bigint, pg_catalog.sum(p.fcr_known::double precision)::bigint, pg_catalog.sum(p.fcr_true::double precision)::bigint
  from (
    select s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
    from private.performance_sums s where s.span = v_span and s.starts_at >= v_first and s.starts_at < v_last
    union all
    select s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
    from private.performance_sums s where s.span = v_edge and s.starts_at >= p_since and s.starts_at < least(v_first, p_until)
    union all
    select s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
    from private.performance_sums s where s.span = v_edge and s.starts_at >= greatest(v_first, v_last) and s.starts_at < p_until
  ) p group by p.key;
end $$;
comment on function private.sums_between(text, timestamptz, timestamptz) is
  'Sums by supervisor or agent from one quarter of an hour until before another; without the changes that are not added yet.';

create or replace function private.keep_range(p_whose text, p_since timestamptz, p_until timestamptz) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_part record;
  v_id bigint;
  v_asked_at timestamptz;
begin
  v_part := private.closed_part(p_since, p_until);
  if v_part.since >= v_part.until or pg_catalog.current_setting('transaction_read_only')::boolean then
    return;
  end if;
  select r.id, r.asked_at into v_id, v_asked_at from private.performance_ranges r
  where r.whose = p_whose and r.since = v_part.since and r.until = v_part.until;
  if v_id is not null then
    if v_asked_at < pg_catalog.now() - interval '1 hour' then
      -- A reader that finds the row locked leaves it to the other, so that readers never wait for one another.
      update private.performance_ranges set asked_at = pg_catalog.now()
      where id = (select r.id from private.performance_ranges r where r.id = v_id for update skip locked);
    end if;
    return;
  end if;
  -- What adds the changes to the sums holds this lock too: a change is in the sums that are read here, or is added to the range later.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker performance sums', 0));
  insert into private.performance_ranges (whose, since, until) values (p_whose, v_part.since, v_part.until)
  on conflict (whose, since, until) do nothing returning id into v_id;
  if v_id is null then
    return;
  end if;
  insert into private.performance_range_sums (range_id, key, completed, handle_seconds, rated, csat_hundredths, fcr_known, fcr_true)
  select v_id, s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
  from private.sums_between(p_whose, v_part.since, v_part.until) s order by s.key;
  -- At most so many, however many are asked for.
  delete from private.performance_ranges where id in (
    select r.id from private.performance_ranges r where r.id <> v_id order by r.asked_at desc, r.id desc offset 199);
end $$;
comment on function private.keep_range(text, timestamptz, timestamptz) is
  'Keeps the sums of the closed part of a range, made at the first call; nothing in a transaction that only reads.';

-- Sums of double precision are exact below 2^53, and quicker than those of bigint, which are numeric (bench leaderboard).
create or replace function private.performance_of(p_whose text, p_since timestamptz, p_until timestamptz) returns table(key uuid, completed bigint, handle_seconds bigint, rated bigint, csat_hundredths bigint, fcr_known bigint, fcr_true bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set max_parallel_workers_per_gather = 0
as $$
declare
  v_goes_on boolean := p_until is null or p_until > pg_catalog.now();
  v_day timestamptz := pg_catalog.date_trunc('day', pg_catalog.now(), 'UTC');
  v_span text := case p_whose when 'supervisor' then 'day' else 'agent_day' end;
  v_part record;
  v_kept bigint;
begin
  v_part := private.closed_part(p_since, p_until);
  select r.id into v_kept from private.performance_ranges r
  where r.whose = p_whose and r.since = v_part.since and r.until = v_part.until;
  -- Without late changes, and where the closed part is kept, one row or two per key are at hand: a join takes half the time of sums.
  if (v_kept is not null or v_part.since = v_part.until)
      and not exists (select from private.performance_changes c where c.started_at >= p_since and (v_goes_on or c.started_at < p_until)) then
    if v_goes_on then
      return query
      select coalesce(r.key, d.key), v_part.sign * coalesce(r.completed, 0) + coalesce(d.completed, 0), v_part.sign * coalesce(r.handle_seconds, 0) + coalesce(d.handle_seconds, 0),
        v_part.sign * coalesce(r.rated, 0) + coalesce(d.rated, 0), v_part.sign * coalesce(r.csat_hundredths, 0) + coalesce(d.csat_hundredths, 0),
        v_part.sign * coalesce(r.fcr_known, 0) + coalesce(d.fcr_known, 0), v_part.sign * coalesce(r.fcr_true, 0) + coalesce(d.fcr_true, 0)
      from (select * from private.performance_range_sums s where s.range_id = v_kept) r
      full join (select * from private.performance_sums s where s.span = v_span and s.starts_at = v_day) d on d.key = r.key;
    else
      return query
      select s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
      from private.performance_range_sums s where s.range_id = v_kept;
    end if;
    return;
  end if;
  return query
  select p.key, pg_catalog.sum(p.completed::double precision)::bigint, pg_catalog.sum(p.handle_seconds::double precision)::bigint, pg_catalog.sum(p.rated::double precision)::bigint,
    pg_catalog.sum(p.csat_hundredths::double precision)::bigint, pg_catalog.sum(p.fcr_known::double precision)::bigint, pg_catalog.sum(p.fcr_true::double precision)::bigint
  from (
    select s.key, v_part.sign * s.completed as completed, v_part.sign * s.handle_seconds as handle_seconds, v_part.sign * s.rated as rated,
      v_part.sign * s.csat_hundredths as csat_hundredths, v_part.sign * s.fcr_known as fcr_known, v_part.sign * s.fcr_true as fcr_true
    from private.performance_range_sums s where s.range_id = v_kept
    union all
    select s.key, v_part.sign * s.completed, v_part.sign * s.handle_seconds, v_part.sign * s.rated, v_part.sign * s.csat_hundredths,
      v_part.sign * s.fcr_known, v_part.sign * s.fcr_true
    from private.sums_between(p_whose, v_part.since, v_part.until) s where v_kept is null and v_part.since < v_part.until
    union all
    select s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
    from private.performance_sums s where v_goes_on and s.span = v_span and s.starts_at >= v_day
    union all
    select case p_whose when 'supervisor' then c.supervisor_id else c.agent_id end, c.completed, c.handle_seconds, c.rated,
      c.csat_hundredths, c.fcr_known, c.fcr_true
    from private.performance_changes c where c.started_at >= p_since and (v_goes_on or c.started_at < p_until)
  ) p group by p.key;
end $$;
comment on function private.performance_of(text, timestamptz, timestamptz) is
  'Sums by supervisor or agent from one moment until before another, exact at any time. A range that is not over yet has no end.';

-- In double precision, which takes a fifth of the time of numeric for thousands of supervisors (bench leaderboard); equal fractions give
-- equal quotients, so ties stay ties. The score is in hundredths, rounded half up as numeric does.
create or replace function private.scores_between(p_since timestamptz, p_until timestamptz) returns table(supervisor_id uuid, username text, supervisor_type text, interactions bigint, csat double precision, aht double precision, fcr double precision, csat_part double precision, interactions_part double precision, aht_part double precision, hundredths integer)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set max_parallel_workers_per_gather = 0
as $$
begin
  return query
  with totals as materialized (
    select u.id, u.username, u.supervisor_type, nullif(s.completed, 0) as n, s.csat_hundredths / nullif(100.0::double precision * s.rated, 0) as csat,
      s.handle_seconds::double precision / nullif(s.completed, 0) as aht, 100.0::double precision * s.fcr_true / nullif(s.fcr_known, 0) as fcr
    from public.users u left join private.performance_of('supervisor', p_since, p_until) s on s.key = u.id
    where u.role = 'supervisor' and u.deactivated_at is null
  ), bounds as (
    select pg_catalog.max(n)::double precision as n_high, pg_catalog.min(n)::double precision as n_low,
      pg_catalog.max(t.aht) as aht_high, pg_catalog.min(t.aht) as aht_low from totals t
  ), parts as (
    select t.*, case when t.n is not null then 0.5::double precision * coalesce(t.csat, 0) end as csat_part,
      case when t.n is not null then 30 * coalesce((t.n - b.n_low) / nullif(b.n_high - b.n_low, 0), 0) end as interactions_part,
      case when t.n is not null then 20 * coalesce(1 - (t.aht - b.aht_low) / nullif(b.aht_high - b.aht_low, 0), 0) end as aht_part
    from totals t cross join bounds b
  )
  select p.id, p.username, p.supervisor_type, coalesce(p.n, 0), p.csat, p.aht, p.fcr, p.csat_part, p.interactions_part, p.aht_part,
    pg_catalog.floor(100 * (p.csat_part + p.interactions_part + p.aht_part) + 0.500000001::double precision)::integer
  from parts p;
end $$;
comment on function private.scores_between(timestamptz, timestamptz) is
  'Totals and score of every supervisor from one moment until before another, null for no end; no score without a completed interaction.';

create or replace function private.scores(p_period text, p_time_zone text) returns table(supervisor_id uuid, interactions bigint, csat numeric, aht numeric, fcr numeric, csat_part numeric, interactions_part numeric, aht_part numeric, score numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select s.supervisor_id, s.interactions, s.csat::numeric, s.aht::numeric, s.fcr::numeric, s.csat_part::numeric, s.interactions_part::numeric,
    s.aht_part::numeric, pg_catalog.round(s.hundredths * 0.01, 2)
  from private.scores_between(private.period_start(p_period, p_time_zone), null) s where s.interactions > 0;
end $$;
comment on function private.scores(text, text) is
  'Totals and score of every supervisor with a completed interaction in the period. FW422.';

create or replace function private.leaderboard_range(p_range text, p_from date, p_to date, p_time_zone text, out first_day date, out last_day date, out since timestamptz, out until timestamptz, out today date)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reach date;
begin
  if p_range is null or p_range not in ('today', 'month', 'last_month', 'dates') then
    raise exception 'unknown range %: today, month, last_month or dates', pg_catalog.left(p_range, 60) using errcode = 'FW422';
  elsif p_time_zone is null then
    raise exception 'a time zone is needed' using errcode = 'FW422';
  end if;
  begin
    today := (pg_catalog.now() at time zone p_time_zone)::date;
  exception when invalid_parameter_value then
    raise exception 'unknown time zone %', pg_catalog.left(p_time_zone, 60) using errcode = 'FW422';
  end;
  if p_range = 'today' then
    first_day := today;
    last_day := today;
  elsif p_range = 'month' then
    first_day := pg_catalog.date_trunc('month', today::timestamp)::date;
    last_day := today;
  elsif p_range = 'last_month' then
    first_day := (pg_catalog.date_trunc('month', today::timestamp) - interval '1 month')::date;
    last_day := pg_catalog.date_trunc('month', today::timestamp)::date - 1;
  else
    first_day := p_from;
    last_day := least(coalesce(p_to, today), today);
    v_reach := today - 397;  -- sums by quarters of an hour are kept for 400 days
    if p_from is null then
      raise exception 'a range needs its first day' using errcode = 'FW422';
    elsif p_from > today then
      raise exception 'the range begins in the future: today is % in %', today, p_time_zone using errcode = 'FW422';
    elsif p_from > last_day then
      raise exception 'the range ends before it begins' using errcode = 'FW422';
    elsif p_from < v_reach then
      raise exception 'the leaderboard reaches back to %', v_reach using errcode = 'FW422';
    end if;
  end if;
  since := first_day::timestamp at time zone p_time_zone;
  until := (last_day + 1)::timestamp at time zone p_time_zone;
  -- PostgreSQL also accepts arbitrary offsets, but all real ones are multiples of a quarter of an hour.
  if since <> pg_catalog.date_bin('15 minutes', since, '2000-01-01 00:00+00')
      or until <> pg_catalog.date_bin('15 minutes', until, '2000-01-01 00:00+00') then
    raise exception 'unknown time zone %', p_time_zone using errcode = 'FW422';
  end if;
end $$;
comment on function private.leaderboard_range(text, date, date, text) is
  'Days and moments of today, month (so far), last_month or dates (from one day until another, both included, at most 397 days ago) in a time zone. FW422 in words for anything else.';
grant execute on function private.leaderboard_range(text, date, date, text) to authenticated;

create or replace function private.fold_performance(p_limit integer default 5000) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count integer;
begin
  if p_limit < 1 then
    raise exception 'a batch has at least one row' using errcode = 'FW422';
  end if;
  -- private.keep_range makes the sums of a range under the same lock.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker performance sums', 0));
  with taken as (
    delete from private.performance_changes where id in (
      select id from private.performance_changes order by id limit p_limit) returning *
  ), folded as (
    insert into private.performance_sums as s (span, starts_at, key, completed, handle_seconds, rated, csat_hundredths,
      resolutions, resolution_seconds, fcr_known, fcr_true)
    select f.span, f.starts_at, f.key, pg_catalog.sum(t.completed), pg_catalog.sum(t.handle_seconds), pg_catalog.sum(t.rated),
      pg_catalog.sum(t.csat_hundredths), pg_catalog.sum(t.resolutions), pg_catalog.sum(t.resolution_seconds),
      pg_catalog.sum(t.fcr_known), pg_catalog.sum(t.fcr_true)
    from taken t cross join lateral (values
      ('ever', '-infinity'::timestamptz, t.agent_id),
      ('day', pg_catalog.date_trunc('day', t.started_at, 'UTC'), t.supervisor_id),
      ('month', pg_catalog.date_trunc('month', t.started_at, 'UTC'), t.supervisor_id),
      ('agent_day', pg_catalog.date_trunc('day', t.started_at, 'UTC'), t.agent_id),
      ('quarter', pg_catalog.date_bin('15 minutes', t.started_at, '2000-01-01 00:00+00'), t.supervisor_id),
      ('agent_quarter', pg_catalog.date_bin('15 minutes', t.started_at, '2000-01-01 00:00+00'), t.agent_id)
    ) f (span, starts_at, key)
    group by f.span, f.starts_at, f.key order by 1, 2, 3
    on conflict (span, starts_at, key) do update set completed = s.completed + excluded.completed,
      handle_seconds = s.handle_seconds + excluded.handle_seconds, rated = s.rated + excluded.rated,
      csat_hundredths = s.csat_hundredths + excluded.csat_hundredths, resolutions = s.resolutions + excluded.resolutions,
      resolution_seconds = s.resolution_seconds + excluded.resolution_seconds,
      fcr_known = s.fcr_known + excluded.fcr_known, fcr_true = s.fcr_true + excluded.fcr_true
  ), ranged as (
    insert into private.performance_range_sums as s (range_id, key, completed, handle_seconds, rated, csat_hundredths, fcr_known, fcr_true)
    select r.id, k.key, pg_catalog.sum(t.completed), pg_catalog.sum(t.handle_seconds), pg_catalog.sum(t.rated),
      pg_catalog.sum(t.csat_hundredths), pg_catalog.sum(t.fcr_known), pg_catalog.sum(t.fcr_true)
    from taken t join private.performance_ranges r on t.started_at >= r.since and t.started_at < r.until
    cross join lateral (select case r.whose when 'supervisor' then t.supervisor_id else t.agent_id end) k (key)
    group by r.id, k.key order by 1, 2
    on conflict (range_id, key) do update set completed = s.completed + excluded.completed,
      handle_seconds = s.handle_seconds + excluded.handle_seconds, rated = s.rated + excluded.rated,
      csat_hundredths = s.csat_hundredths + excluded.csat_hundredths,
      fcr_known = s.fcr_known + excluded.fcr_known, fcr_true = s.fcr_true + excluded.fcr_true
  )
  select pg_catalog.count(*) into v_count from taken;
  return v_count;
end $$;
comment on function private.fold_performance(integer) is
  'Moves at most p_limit changes (all when null) into the sums, and those of ranges that are kept; how many. FW422 for less than one.';

create or replace function private.recount_performance() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count bigint;
begin
  -- First the lock of who folds, who takes it before the tables, too.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker performance sums', 0));
  lock table private.performance_changes in share row exclusive mode;
  delete from private.performance_changes;
  delete from private.performance_sums;
  delete from private.performance_ranges;
  insert into private.performance_changes (agent_id, supervisor_id, started_at, completed, handle_seconds, rated,
    csat_hundredths, resolutions, resolution_seconds, fcr_known, fcr_true)
  select i.agent_id, i.supervisor_id, i.started_at, 1, i.duration_seconds, (r.csat_score is not null)::integer,
    coalesce(r.csat_score * 100, 0), (r.resolution_time_seconds is not null)::integer, coalesce(r.resolution_time_seconds, 0),
    (r.fcr_status is not null)::integer, coalesce(r.fcr_status, false)::integer
  from public.interactions i left join public.interaction_archives r on r.interaction_id = i.id
  where i.status = 'completed' and not i.is_test;
  get diagnostics v_count = row_count;
  perform private.fold_performance(null);
  return v_count;
end $$;
comment on function private.recount_performance() is
  'Makes all sums anew from the interactions and archives; tests aside; how many interactions.';

create or replace function private.cleanup_leftovers() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_all integer := 0;
  v_count integer;
begin
  delete from private.idempotency_keys k using (
    select agent_id, key from private.idempotency_keys
    where created_at < pg_catalog.now() - interval '24 hours' order by created_at limit 1000) o
  where (k.agent_id, k.key) = (o.agent_id, o.key);
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.web_sessions where id in (
    select id from private.web_sessions where last_seen_at < pg_catalog.now() - interval '30 days' order by last_seen_at limit 500);
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.profile_faults where id in (
    select id from private.profile_faults
    where created_at < pg_catalog.now() - pg_catalog.make_interval(days => private.setting('archive_days')) order by created_at limit 1000);
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from public.webhook_deliveries where id = any (array(
    select o.id from (select id, created_at from public.webhook_deliveries order by id limit 1000) o
    where o.created_at < pg_catalog.now() - pg_catalog.make_interval(days => private.setting('archive_days'))));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.given_signals where ctid = any (array(
    select ctid from private.given_signals where given_at < pg_catalog.now() - interval '1 day' order by given_at limit 1000));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  -- The leaderboard reaches back 397 days; what began earlier is never the edge of a range.
  delete from private.performance_sums where ctid = any (array(
    select ctid from private.performance_sums
    where span = 'quarter' and starts_at < pg_catalog.now() - interval '400 days' order by starts_at limit 1000));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.performance_sums where ctid = any (array(
    select ctid from private.performance_sums
    where span = 'agent_day' and starts_at < pg_catalog.now() - interval '400 days' order by starts_at limit 1000));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.performance_ranges where id = any (array(
    select id from private.performance_ranges where asked_at < pg_catalog.now() - interval '3 days' limit 10));
  get diagnostics v_count = row_count;
  return v_all + v_count;
end $$;
comment on function private.cleanup_leftovers() is
  'Deletes a batch of idempotency keys older than 24 h, sessions unseen for 30 days, profile faults and deliveries as old as archives, signals that were given a day ago, sums by agents'' days and quarters of 400 days ago, sums of ranges that nobody asked for in three days; how many.';
grant execute on function private.cleanup_leftovers() to service_role;

-- Bounded, however long the history is: the quarters of an hour of one day of one person's agents, one person's interactions and decisions of one day, and the
-- newest rows by index. The floor asks once when it becomes quiet, and never while it is busy.
create or replace function private.today(p_time_zone text) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_viewer uuid := private.viewer_id();
  v_since timestamptz := private.period_start('today', p_time_zone);
begin
  if private.viewer_role() is distinct from 'supervisor' then
    raise exception 'only a supervisor has a floor' using errcode = 'FW403';
  end if;
  return (
    with parts as materialized (
      select s.starts_at, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
      from public.agents a join private.performance_sums s on s.span = 'agent_quarter' and s.key = a.id and s.starts_at >= v_since
      where a.supervisor_id = v_viewer
      union all
      select c.started_at, c.completed, c.handle_seconds, c.rated, c.csat_hundredths, c.fcr_known, c.fcr_true
      from private.performance_changes c where c.supervisor_id = v_viewer and c.started_at >= v_since
    ), answers as materialized (
      select t.id, t.tool_name, t.arguments, t.status, t.agent_id, t.responded_at,
        extract(epoch from t.responded_at - t.requested_at)::double precision as seconds
      from public.tool_permissions t join public.interactions i on i.id = t.interaction_id
      where t.supervisor_id = v_viewer and t.responded_at >= v_since and t.status in ('allowed', 'denied')
        and t.responded_by is not null and not i.is_test
    ), own as materialized (
      select i.agent_id, pg_catalog.count(*) as interactions, pg_catalog.avg(c.csat_score) as csat, pg_catalog.avg(i.duration_seconds) as aht
      from public.interactions i left join public.interaction_archives c on c.interaction_id = i.id
      where i.supervisor_id = v_viewer and i.started_at >= v_since and i.status = 'completed' and not i.is_test
      group by i.agent_id
    ), recent as materialized (
      select i.id, i.agent_id, i.ended_at, i.status from public.interactions i
      where i.supervisor_id = v_viewer and i.status <> 'active' and not i.is_test
      order by i.started_at desc limit 20
    )
    select pg_catalog.json_build_object(
      'since', v_since,
      'agents', (select pg_catalog.count(*) from public.agents a where a.supervisor_id = v_viewer and a.retired_at is null),
      'interactions', (select coalesce(pg_catalog.sum(completed), 0) from parts),
      'csat', (select pg_catalog.round(pg_catalog.sum(csat_hundredths) * 0.01 / nullif(pg_catalog.sum(rated), 0), 1) from parts),
      'aht', (select pg_catalog.round(pg_catalog.sum(handle_seconds) / nullif(pg_catalog.sum(completed), 0), 1) from parts),
      'fcr', (select pg_catalog.round(100.0 * pg_catalog.sum(fcr_true) / nullif(pg_catalog.sum(fcr_known), 0), 1) from parts),
      'allowed', (select pg_catalog.count(*) from answers where status = 'allowed'),
      'denied', (select pg_catalog.count(*) from answers where status = 'denied'),
      'typical_seconds', (select pg_catalog.percentile_cont(0.5) within group (order by seconds) from answers),
      'hours', (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
          'hour', pg_catalog.to_char(h.at at time zone p_time_zone, 'HH24:MI'), 'interactions', h.n) order by h.at), '[]') from (
        select g.at, coalesce((select pg_catalog.sum(p.completed) from parts p
          where p.starts_at >= g.at and p.starts_at < g.at + interval '1 hour'), 0) as n
        from pg_catalog.generate_series(v_since, pg_catalog.now(), interval '1 hour') g (at)) h),
      'by_agent', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(b) order by b.slot), '[]') from (
        select a.slot, a.id, a.name, o.interactions, pg_catalog.round(o.csat) as csat, pg_catalog.round(o.aht, 1) as aht
        from public.agents a join own o on o.agent_id = a.id where a.supervisor_id = v_viewer and a.retired_at is null) b),
      'last', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(l) order by l.ended_at desc), '[]') from (
        select r.id, r.ended_at, r.status, a.name as agent_name, pg_catalog.left(c.summary, 200) as summary, c.csat_score,
          case when pg_catalog.jsonb_array_length(c.issues) > 0 then not exists (
            select from pg_catalog.jsonb_array_elements(c.issues) e where e ->> 'status' is distinct from 'resolved') end as resolved
        from recent r join public.agents a on a.id = r.agent_id
        left join public.interaction_archives c on c.interaction_id = r.id
        order by r.ended_at desc limit 5) l),
      'decisions', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(d) order by d.responded_at desc), '[]') from (
        select s.id, s.tool_name, s.arguments::text as arguments, s.status, s.responded_at, s.seconds, a.name as agent_name
        from answers s join public.agents a on a.id = s.agent_id
        order by s.responded_at desc limit 3) d)));
end $$;
comment on function private.today(text) is
  'What the viewer''s own floor did since midnight in a time zone: sums, also by agent, interactions by hour, the last five interactions and three decisions. FW403 for all but supervisors, FW422 for an unknown zone.';
grant execute on function private.today(text) to authenticated;

create or replace function public.leaderboard_v2(p_since timestamptz, p_until timestamptz, p_type text default null, p_first integer default null, p_own uuid default null, p_after integer default 0) returns table(rank bigint, supervisor_id uuid, username text, supervisor_type text, interactions bigint, csat numeric, aht numeric, fcr numeric, csat_part numeric, interactions_part numeric, aht_part numeric, score numeric, place bigint, total bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set max_parallel_workers_per_gather = 0
as $$
begin
  if private.viewer_role() is null then
    raise exception 'only supervisors and admins see the leaderboard' using errcode = 'FW403';
  elsif p_type is not null and p_type not in ('voice', 'chat') then
    raise exception 'unknown type %: voice or chat', p_type using errcode = 'FW422';
  end if;
  perform private.check_range(p_since, p_until);
  perform private.keep_range('supervisor', p_since, p_until);
  return query
  with scored as materialized (
    select s.* from private.scores_between(p_since, p_until) s where p_type is null or s.supervisor_type = p_type
  ), placed as (
    select s.*, pg_catalog.rank() over (order by s.hundredths desc nulls last) as rank,
      pg_catalog.row_number() over (order by s.hundredths desc nulls last, pg_catalog.lower(s.username) collate "C") as place
    from scored s
  )
  select case when l.hundredths is not null then l.rank end, l.supervisor_id, l.username, l.supervisor_type, l.interactions,
    pg_catalog.round(l.csat::numeric, 2), pg_catalog.round(l.aht::numeric, 1), pg_catalog.round(l.fcr::numeric, 1),
    pg_catalog.round(l.csat_part::numeric, 2), pg_catalog.round(l.interactions_part::numeric, 2), pg_catalog.round(l.aht_part::numeric, 2),
    pg_catalog.round(l.hundredths * 0.01, 2), l.place, (select pg_catalog.count(*) from scored)
  from placed l
  where p_first is null or l.place > p_after and l.place <= p_after + p_first or l.supervisor_id = p_own
  order by l.place;
end $$;
comment on function public.leaderboard_v2(timestamptz, timestamptz, text, integer, uuid, integer) is
  'Aggregates of every supervisor from one moment until before another, the same for every caller; no rank without an interaction. With p_first only so many rows after the place p_after, and p_own''s; total is the number of all. FW403, FW422.';
grant execute on function public.leaderboard_v2(timestamptz, timestamptz, text, integer, uuid, integer) to authenticated;

create or replace function public.agent_leaderboard(p_since timestamptz, p_until timestamptz, p_type text default null, p_supervisor_id uuid default null, p_measure text default 'csat', p_first integer default null, p_after integer default 0) returns table(rank bigint, agent_id uuid, agent_name text, supervisor_id uuid, username text, agent_type text, retired boolean, interactions bigint, csat numeric, aht numeric, fcr numeric, place bigint, total bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_visible uuid[] := private.visible_supervisor_ids();
begin
  if private.viewer_role() is null then
    raise exception 'only supervisors and admins see the leaderboard' using errcode = 'FW403';
  elsif p_type is not null and p_type not in ('voice', 'chat') then
    raise exception 'unknown type %: voice or chat', p_type using errcode = 'FW422';
  elsif p_measure is null or p_measure not in ('csat', 'interactions', 'aht', 'fcr') then
    raise exception 'unknown measure %: csat, interactions, aht or fcr', p_measure using errcode = 'FW422';
  end if;
  perform private.check_range(p_since, p_until);
  perform private.keep_range('agent', p_since, p_until);
  return query
  with measured as (
    select a.id, a.name, a.supervisor_id as owner, u.username, a.agent_type, a.retired_at is not null as retired, s.completed,
      s.csat_hundredths * 0.01 / nullif(s.rated, 0) as csat, s.handle_seconds::numeric / nullif(s.completed, 0) as aht,
      100.0 * s.fcr_true / nullif(s.fcr_known, 0) as fcr
    from public.agents a join public.users u on u.id = a.supervisor_id
    left join private.performance_of('agent', p_since, p_until) s on s.key = a.id
    where a.supervisor_id = any (v_visible) and u.deactivated_at is null and (p_supervisor_id is null or a.supervisor_id = p_supervisor_id)
      and (p_type is null or a.agent_type = p_type) and (a.retired_at is null or s.completed > 0)
  ), ordered as (
    select m.*, case p_measure when 'csat' then m.csat when 'interactions' then nullif(m.completed, 0)
      when 'aht' then -m.aht else m.fcr end as by
    from measured m
  ), placed as (
    select o.*, pg_catalog.rank() over (order by pg_catalog.round(o.by, 2) desc nulls last) as nth,
      pg_catalog.row_number() over (order by pg_catalog.round(o.by, 2) desc nulls last, coalesce(o.completed, 0) desc,
        o.name collate "C", o.id) as place, pg_catalog.count(*) over () as number
    from ordered o
  )
  select case when p.by is not null then p.nth end, p.id, p.name, p.owner, p.username, p.agent_type, p.retired, coalesce(p.completed, 0),
    pg_catalog.round(p.csat, 2), pg_catalog.round(p.aht, 1), pg_catalog.round(p.fcr, 1), p.place, p.number
  from placed p where p_first is null or p.place > p_after and p.place <= p_after + p_first order by p.place;
end $$;
comment on function public.agent_leaderboard(timestamptz, timestamptz, text, uuid, text, integer, integer) is
  'Aggregates of the agents that the viewer may see from one moment until before another, ordered by csat, interactions, aht (the shortest first) or fcr; no rank without one. FW403, FW422.';
grant execute on function public.agent_leaderboard(timestamptz, timestamptz, text, uuid, text, integer, integer) to authenticated;

create or replace function public.leaderboard_trend(p_points timestamptz[], p_supervisor_ids uuid[]) returns table(supervisor_id uuid, place integer, interactions bigint, csat numeric, aht numeric, fcr numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set max_parallel_workers_per_gather = 0
as $$
declare
  v_number integer;
  v_midnights timestamptz[];
  v_hours boolean;
begin
  if private.viewer_role() is null then
    raise exception 'only supervisors and admins see the leaderboard' using errcode = 'FW403';
  elsif coalesce(pg_catalog.cardinality(p_points), 0) not between 2 and 120
      or coalesce(pg_catalog.cardinality(p_supervisor_ids), 0) not between 0 and 8 then
    raise exception 'a trend has at most 120 points of 8 supervisors' using errcode = 'FW422';
  end if;
  v_number := pg_catalog.cardinality(p_points);
  -- The UTC midnight that is nearest to each point: between two of them are whole days, and the quarters of an hour from a point to its
  -- midnight are added on one side and taken away on the other. Points that are closer together are made of quarters alone.
  v_midnights := array(select pg_catalog.date_trunc('day', p.point + interval '12 hours', 'UTC')
    from pg_catalog.unnest(p_points) with ordinality p (point, n) order by p.n);
  v_hours := p_points[v_number] - p_points[1] < (v_number - 1) * interval '22 hours';
  return query
  select p.owner, p.nth, pg_catalog.sum(p.completed)::bigint,
    pg_catalog.round(pg_catalog.sum(p.csat_hundredths) * 0.01 / nullif(pg_catalog.sum(p.rated), 0), 2),
    pg_catalog.round(pg_catalog.sum(p.handle_seconds) / nullif(pg_catalog.sum(p.completed), 0), 1),
    pg_catalog.round(100.0 * pg_catalog.sum(p.fcr_true) / nullif(pg_catalog.sum(p.fcr_known), 0), 1)
  from (
    select s.key as owner, pg_catalog.width_bucket(s.starts_at, v_midnights) as nth, s.completed, s.handle_seconds, s.rated,
      s.csat_hundredths, s.fcr_known, s.fcr_true
    from pg_catalog.generate_series(v_midnights[1], v_midnights[v_number] - interval '1 microsecond', interval '24 hours') d (day)
    cross join pg_catalog.unnest(p_supervisor_ids) o (id)
    join private.performance_sums s on s.span = 'day' and s.starts_at = d.day and s.key = o.id
    where not v_hours
    union all
    select o.id, e.nth, e.sign * s.completed, e.sign * s.handle_seconds, e.sign * s.rated, e.sign * s.csat_hundredths,
      e.sign * s.fcr_known, e.sign * s.fcr_true
    from pg_catalog.unnest(p_supervisor_ids) o (id)
    cross join (
      select least(p_points[g], v_midnights[g]) as low, greatest(p_points[g], v_midnights[g]) as high,
        p_points[g] < v_midnights[g] as before, g as n
      from pg_catalog.generate_series(1, v_number) g offset 0) p
    cross join lateral (
      select s.* from private.performance_sums s
      where s.span = 'quarter' and s.key = o.id and s.starts_at >= p.low and s.starts_at < p.high offset 0) s
    cross join lateral (values (p.n, case when p.before then 1 else -1 end),
      (p.n - 1, case when p.before then -1 else 1 end)) e (nth, sign)
    where not v_hours and p.low < p.high and e.nth between 1 and v_number - 1
    union all
    select s.key, pg_catalog.width_bucket(s.starts_at, p_points), s.completed, s.handle_seconds, s.rated,
      s.csat_hundredths, s.fcr_known, s.fcr_true
    from pg_catalog.unnest(p_supervisor_ids) o (id) join private.performance_sums s on s.span = 'quarter' and s.key = o.id
      and s.starts_at >= p_points[1] and s.starts_at < p_points[v_number]
    where v_hours
    union all
    select c.supervisor_id, pg_catalog.width_bucket(c.started_at, p_points), c.completed, c.handle_seconds, c.rated,
      c.csat_hundredths, c.fcr_known, c.fcr_true
    from private.performance_changes c where c.supervisor_id = any (p_supervisor_ids)
      and c.started_at >= p_points[1] and c.started_at < p_points[v_number]
  ) p group by p.owner, p.nth having pg_catalog.sum(p.completed) > 0 order by p.owner, p.nth;
end $$;
comment on function public.leaderboard_trend(timestamptz[], uuid[]) is
  'Aggregates of some supervisors between each two of these moments, ascending; place is 1 from the first until before the second. FW403, FW422.';
grant execute on function public.leaderboard_trend(timestamptz[], uuid[]) to authenticated;
