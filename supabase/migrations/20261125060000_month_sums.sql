-- This month is read from one row a supervisor instead of one a day.

-- No fold may be under way that knows nothing of months.
select pg_advisory_xact_lock(hashtextextended('floorwalker sweep performance', 0));
-- squawk-ignore ban-drop-constraint -- made again, wider
alter table private.performance_sums drop constraint performance_sums_span_check;
-- squawk-ignore constraint-missing-not-valid -- a row a supervisor and day: a moment, in which nobody folds
alter table private.performance_sums add constraint performance_sums_span_check check (span in ('ever', 'month', 'day', 'quarter'));
comment on table private.performance_sums is
  'Completed interactions summed: ever (an agent''s all, starts_at -infinity), month and day (a supervisor''s of a UTC month or day) and quarter (of a quarter of an hour, for days and months that begin elsewhere).';
comment on column private.performance_sums.key is 'The agent for ever, the supervisor for month, day and quarter.';
insert into private.performance_sums (span, starts_at, key, completed, handle_seconds, rated, csat_hundredths, resolutions,
  resolution_seconds, fcr_known, fcr_true)
select 'month', date_trunc('month', starts_at, 'UTC'), key, sum(completed), sum(handle_seconds), sum(rated), sum(csat_hundredths),
  sum(resolutions), sum(resolution_seconds), sum(fcr_known), sum(fcr_true)
from private.performance_sums where span = 'day' group by 2, 3;

create or replace function private.fold_performance(p_limit integer default 5000) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_count integer;
begin
  if p_limit < 1 then
    raise exception 'a batch has at least one row' using errcode = 'FW422';
  end if;
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
      ('quarter', pg_catalog.date_bin('15 minutes', t.started_at, '2000-01-01 00:00+00'), t.supervisor_id)
    ) f (span, starts_at, key)
    group by f.span, f.starts_at, f.key order by 1, 2, 3
    on conflict (span, starts_at, key) do update set completed = s.completed + excluded.completed,
      handle_seconds = s.handle_seconds + excluded.handle_seconds, rated = s.rated + excluded.rated,
      csat_hundredths = s.csat_hundredths + excluded.csat_hundredths, resolutions = s.resolutions + excluded.resolutions,
      resolution_seconds = s.resolution_seconds + excluded.resolution_seconds,
      fcr_known = s.fcr_known + excluded.fcr_known, fcr_true = s.fcr_true + excluded.fcr_true
  )
  select pg_catalog.count(*) into v_count from taken;
  return v_count;
end $$;

create or replace function private.scores(p_period text, p_time_zone text)
returns table (supervisor_id uuid, interactions bigint, csat numeric, aht numeric, fcr numeric,
  csat_part numeric, interactions_part numeric, aht_part numeric, score numeric)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_since timestamptz := private.period_start(p_period, p_time_zone);
  v_span text := case p_period when 'today' then 'day' else 'month' end;
  -- From here on whole UTC days, or the UTC month whose beginning is nearest: wherever the period begins earlier or later,
  -- the quarters of an hour between are added or taken away.
  v_from timestamptz := case p_period
    when 'today' then pg_catalog.date_trunc('day', v_since - interval '1 microsecond', 'UTC') + interval '24 hours'
    else pg_catalog.date_trunc('month', v_since + interval '10 days', 'UTC') end;
  v_sign integer := case when v_since <= v_from then 1 else -1 end;
begin
  return query
  with parts_of_period as (
    select s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
    from private.performance_sums s where s.span = v_span and s.starts_at >= v_from
    union all
    select s.key, v_sign * s.completed, v_sign * s.handle_seconds, v_sign * s.rated, v_sign * s.csat_hundredths,
      v_sign * s.fcr_known, v_sign * s.fcr_true
    from private.performance_sums s where s.span = 'quarter'
      and s.starts_at >= least(v_since, v_from) and s.starts_at < greatest(v_since, v_from)
    union all
    select c.supervisor_id, c.completed, c.handle_seconds, c.rated, c.csat_hundredths, c.fcr_known, c.fcr_true
    from private.performance_changes c where c.started_at >= v_since
  ), totals as (
    select p.key as id, pg_catalog.sum(p.completed)::bigint as n,
      pg_catalog.sum(p.csat_hundredths) * 0.01 / nullif(pg_catalog.sum(p.rated), 0) as csat,
      pg_catalog.sum(p.handle_seconds) / nullif(pg_catalog.sum(p.completed), 0) as aht,
      100.0 * pg_catalog.sum(p.fcr_true) / nullif(pg_catalog.sum(p.fcr_known), 0) as fcr
    from parts_of_period p join public.users u on u.id = p.key and u.deactivated_at is null
    group by p.key having pg_catalog.sum(p.completed) > 0
  ), bounds as (
    select pg_catalog.max(n) as n_high, pg_catalog.min(n) as n_low,
      pg_catalog.max(t.aht) as aht_high, pg_catalog.min(t.aht) as aht_low from totals t
  ), parts as (
    select t.*, 0.5 * coalesce(t.csat, 0) as csat_part,
      30 * coalesce((t.n - b.n_low)::numeric / nullif(b.n_high - b.n_low, 0), 0) as interactions_part,
      20 * coalesce(1 - (t.aht - b.aht_low) / nullif(b.aht_high - b.aht_low, 0), 0) as aht_part
    from totals t cross join bounds b
  )
  select p.id, p.n, p.csat, p.aht, p.fcr, p.csat_part, p.interactions_part, p.aht_part,
    pg_catalog.round(p.csat_part + p.interactions_part + p.aht_part, 2)
  from parts p;
end $$;
