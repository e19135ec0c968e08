create function private.hear_turns() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  update public.interaction_pulse set last_seen_at = pg_catalog.clock_timestamp()
  where interaction_id in (select interaction_id from inserted);
  return null;
end $$;
comment on function private.hear_turns() is
  'Statement trigger: turns keep last_seen_at of interaction_pulse.';
