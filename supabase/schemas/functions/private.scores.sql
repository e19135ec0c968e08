create function private.scores(p_period text, p_time_zone text) returns table(supervisor_id uuid, interactions bigint, csat numeric, aht numeric, fcr numeric, csat_part numeric, interactions_part numeric, aht_part numeric, score numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
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
comment on function private.scores(text, text) is
  'Totals and score of every supervisor with a completed interaction in the period. FW422.';
