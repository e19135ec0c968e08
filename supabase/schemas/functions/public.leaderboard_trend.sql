create function public.leaderboard_trend(p_points timestamptz[], p_supervisor_ids uuid[]) returns table(supervisor_id uuid, place integer, interactions bigint, csat numeric, aht numeric, fcr numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_first timestamptz;
  v_last timestamptz;
begin
  if private.viewer_role() is null then
    raise exception 'only supervisors and admins see the leaderboard' using errcode = 'FW403';
  elsif coalesce(pg_catalog.cardinality(p_points), 0) not between 2 and 120
      or coalesce(pg_catalog.cardinality(p_supervisor_ids), 0) not between 0 and 8 then
    raise exception 'a trend has at most 120 points of 8 supervisors' using errcode = 'FW422';
  end if;
  -- Whole UTC days that lie between two points, quarters of an hour of the other days.
  v_first := p_points[1];
  v_last := p_points[pg_catalog.cardinality(p_points)];
  return query
  with days as materialized (
    select d.day, d.day >= v_first and d.day + interval '24 hours' <= v_last
      and pg_catalog.width_bucket(d.day, p_points) = pg_catalog.width_bucket(d.day + interval '24 hours' - interval '1 microsecond', p_points) as whole
    from pg_catalog.generate_series(pg_catalog.date_trunc('day', v_first, 'UTC'), v_last - interval '1 microsecond', interval '24 hours') d (day)
  )
  select p.owner, p.nth, pg_catalog.sum(p.completed)::bigint,
    pg_catalog.round(pg_catalog.sum(p.csat_hundredths) * 0.01 / nullif(pg_catalog.sum(p.rated), 0), 2),
    pg_catalog.round(pg_catalog.sum(p.handle_seconds) / nullif(pg_catalog.sum(p.completed), 0), 1),
    pg_catalog.round(100.0 * pg_catalog.sum(p.fcr_true) / nullif(pg_catalog.sum(p.fcr_known), 0), 1)
  from (
    select s.key as owner, pg_catalog.width_bucket(d.day, p_points) as nth, s.completed, s.handle_seconds, s.rated,
      s.csat_hundredths, s.fcr_known, s.fcr_true
    from days d cross join pg_catalog.unnest(p_supervisor_ids) o (id)
    join private.performance_sums s on s.span = 'day' and s.starts_at = d.day and s.key = o.id
    where d.whole
    union all
    select a.supervisor_id, pg_catalog.width_bucket(s.starts_at, p_points), s.completed, s.handle_seconds, s.rated,
      s.csat_hundredths, s.fcr_known, s.fcr_true
    from public.agents a cross join days d
    join private.performance_sums s on s.span = 'quarter' and s.key = a.id
      and s.starts_at >= greatest(d.day, v_first) and s.starts_at < least(d.day + interval '24 hours', v_last)
    where a.supervisor_id = any (p_supervisor_ids) and not d.whole
    union all
    select c.supervisor_id, pg_catalog.width_bucket(c.started_at, p_points), c.completed, c.handle_seconds, c.rated,
      c.csat_hundredths, c.fcr_known, c.fcr_true
    from private.performance_changes c where c.supervisor_id = any (p_supervisor_ids)
      and c.started_at >= v_first and c.started_at < v_last
  ) p group by p.owner, p.nth having pg_catalog.sum(p.completed) > 0 order by p.owner, p.nth;
end $$;
comment on function public.leaderboard_trend(timestamptz[], uuid[]) is
  'Aggregates of some supervisors between each two of these moments, ascending; place is 1 from the first until before the second. FW403, FW422.';
grant execute on function public.leaderboard_trend(timestamptz[], uuid[]) to authenticated;
