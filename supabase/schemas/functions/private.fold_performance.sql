create function private.fold_performance(p_limit integer default 5000) returns integer
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
