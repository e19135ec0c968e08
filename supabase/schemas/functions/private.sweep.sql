create function private.sweep(p_step text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_done integer;
begin
  if p_step is null or p_step not in ('expiry', 'reaping', 'performance', 'metrics', 'archives', 'interactions', 'leftovers', 'alerts') then
    raise exception 'unknown step %: expiry, reaping, performance, metrics, archives, interactions, leftovers or alerts', p_step
      using errcode = 'FW422';
  end if;
  if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker sweep ' || p_step, 0)) then
    return null;
  end if;
  v_done := case p_step
    when 'expiry' then private.expire_tool_permissions()
    when 'reaping' then private.reap_interactions() + private.end_overlong()
    when 'performance' then private.fold_performance()
    when 'alerts' then private.evaluate_alerts()
    when 'metrics' then private.cleanup_realtime_metrics()
    when 'archives' then public.cleanup_old_archives(private.setting('archive_days'), 50)
    when 'interactions' then private.anonymise_interactions()
    when 'leftovers' then private.cleanup_leftovers() end;
  -- Not a step of its own, so that the last release's server does this too; not counted, because nothing ends.
  if p_step = 'reaping' then
    perform private.mark_silent();
  elsif p_step = 'performance' then
    perform private.find_waiting();
    perform private.fill_decision_search();
  elsif p_step = 'alerts' then
    perform private.note_troubles();
  end if;
  return v_done;
end $$;
comment on function private.sweep(text) is
  'One batch of one step of the sweeper; how many rows, or null while another process is at it. FW422 for an unknown step.';
grant execute on function private.sweep(text) to floorwalker_web, service_role;
