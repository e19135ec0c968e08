create function private.hear_turns() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();
begin
  update public.interaction_pulse p set last_seen_at = v_now, silent_since = null,
    silent_until = case when p.silent_since is null then p.silent_until else v_now end
  where p.interaction_id in (select interaction_id from inserted);
  -- Turns ring no floor, but the end of a silence does.
  perform pg_catalog.pg_notify('floor', 'realtime_metrics:' || o.supervisor_id) from (
    select distinct p.supervisor_id from public.interaction_pulse p
    where p.interaction_id in (select interaction_id from inserted) and p.silent_until = v_now) o;
  return null;
end $$;
comment on function private.hear_turns() is
  'Statement trigger: turns keep last_seen_at of interaction_pulse, and end a silence.';
