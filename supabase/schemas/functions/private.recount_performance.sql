create function private.recount_performance() returns bigint
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
