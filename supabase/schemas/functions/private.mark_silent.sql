-- Reads every pulse, as reaping does: an index on last_seen_at would make each metric write it, because PostgreSQL keeps an update
-- out of the indexes (HOT) only where no indexed column changes. It waits for no lock, so it can take them in any order: a pulse
-- that is locked is being heard, or ends.
create function private.mark_silent() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();
  v_before timestamptz := v_now - pg_catalog.make_interval(secs => private.setting('stale_seconds'));
  v_count integer;
begin
  with quiet as (
    select p.interaction_id from public.interaction_pulse p
    where p.last_seen_at < v_before and p.silent_since is null
    order by p.interaction_id limit 500 for no key update skip locked
  ), marked as (
    update public.interaction_pulse p set silent_since = p.last_seen_at,
      critical_until = case when p.critical_until = 'infinity' then v_now else p.critical_until end
    from quiet q where p.interaction_id = q.interaction_id
    returning p.supervisor_id
  ), rung as (
    select pg_catalog.pg_notify('floor', 'realtime_metrics:' || m.supervisor_id), m.n
    from (select supervisor_id, pg_catalog.count(*) as n from marked group by supervisor_id) m
  )
  select coalesce(pg_catalog.sum(n), 0) into v_count from rung;
  return v_count;
end $$;
comment on function private.mark_silent() is
  'Marks at most 500 active interactions not heard of for stale_seconds as silent, and rings their floors; how many.';
grant execute on function private.mark_silent() to service_role;
