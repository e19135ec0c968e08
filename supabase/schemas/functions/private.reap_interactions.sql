create function private.reap_interactions() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_silence interval := pg_catalog.make_interval(secs => private.setting('reap_seconds'));
  v_before timestamptz := pg_catalog.clock_timestamp() - v_silence;
  v_id uuid;
  v_count integer := 0;
begin
  for v_id in
    -- Metrics and turns update the pulse. A request for a tool counts as a sign of life too.
    select p.interaction_id from public.interaction_pulse p
    where p.last_seen_at < v_before
      and not exists (select from public.tool_permissions t where t.interaction_id = p.interaction_id
        and (t.status = 'pending' or t.responded_at > v_before))
    order by p.last_seen_at limit 50
  loop
    -- In the order in which an interaction ends: itself, then its pulse. If it reported meanwhile, it stays active.
    perform from public.interactions where id = v_id and status = 'active' for no key update skip locked;
    continue when not found;
    perform from public.interaction_pulse where interaction_id = v_id and last_seen_at < v_before for update;
    continue when not found;
    -- No request can be made once the pulse is locked; those made before become visible only now.
    v_before := pg_catalog.clock_timestamp() - v_silence;
    continue when exists (select from public.tool_permissions t where t.interaction_id = v_id
      and (t.status = 'pending' or t.responded_at > v_before));
    update public.interactions set status = 'failed', end_reason = 'disconnected', reaped_at = pg_catalog.clock_timestamp() where id = v_id;
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;
comment on function private.reap_interactions() is
  'Fails at most 50 active interactions not heard of for reap_seconds; how many.';
grant execute on function private.reap_interactions() to service_role;
