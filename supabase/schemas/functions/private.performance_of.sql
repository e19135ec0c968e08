-- Sums of double precision are exact below 2^53, and quicker than those of bigint, which are numeric (bench leaderboard).
create function private.performance_of(p_whose text, p_since timestamptz, p_until timestamptz) returns table(key uuid, completed bigint, handle_seconds bigint, rated bigint, csat_hundredths bigint, fcr_known bigint, fcr_true bigint)
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
  v_today bigint;
begin
  v_part := private.closed_part(p_since, p_until);
  select r.id into v_kept from private.performance_ranges r
  where r.whose = p_whose and r.since = v_part.since and r.until = v_part.until;
  if v_goes_on then
    select r.id into v_today from private.performance_ranges r
    where r.whose = p_whose and r.since = v_day and r.until = v_day + interval '24 hours';
  end if;
  -- Without late changes, and where the closed part is kept, one row or two per key are at hand: a join takes half the time of sums.
  if (v_kept is not null or v_part.since = v_part.until) and (v_today is not null or not v_goes_on)
      and not exists (select from private.performance_changes c where c.started_at >= p_since and (v_goes_on or c.started_at < p_until)) then
    if v_today is not null then
      return query
      select coalesce(r.key, d.key), v_part.sign * coalesce(r.completed, 0) + coalesce(d.completed, 0), v_part.sign * coalesce(r.handle_seconds, 0) + coalesce(d.handle_seconds, 0),
        v_part.sign * coalesce(r.rated, 0) + coalesce(d.rated, 0), v_part.sign * coalesce(r.csat_hundredths, 0) + coalesce(d.csat_hundredths, 0),
        v_part.sign * coalesce(r.fcr_known, 0) + coalesce(d.fcr_known, 0), v_part.sign * coalesce(r.fcr_true, 0) + coalesce(d.fcr_true, 0)
      from (select * from private.performance_range_sums s where s.range_id = v_kept) r
      full join (select * from private.performance_range_sums s where s.range_id = v_today) d on d.key = r.key;
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
    from private.performance_sums s where v_goes_on and v_today is null and s.span = v_span and s.starts_at >= v_day
    union all
    select s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
    from private.performance_range_sums s where s.range_id = v_today
    union all
    select case p_whose when 'supervisor' then c.supervisor_id else c.agent_id end, c.completed, c.handle_seconds, c.rated,
      c.csat_hundredths, c.fcr_known, c.fcr_true
    from private.performance_changes c where c.started_at >= p_since and (v_goes_on or c.started_at < p_until)
  ) p group by p.key;
end $$;
comment on function private.performance_of(text, timestamptz, timestamptz) is
  'Sums by supervisor or agent from one moment until before another, exact at any time. A range that is not over yet has no end.';
