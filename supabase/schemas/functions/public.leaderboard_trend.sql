create function public.leaderboard_trend(p_points timestamptz[], p_supervisor_ids uuid[]) returns table(supervisor_id uuid, place integer, interactions bigint, csat numeric, aht numeric, fcr numeric)
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
