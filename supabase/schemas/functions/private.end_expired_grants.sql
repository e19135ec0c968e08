create function private.end_expired_grants() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
  v_interaction uuid;
  v_count integer := 0;
begin
  for v_id, v_interaction in
    select id, interaction_id from public.tool_grants where ended_at is null and expires_at <= pg_catalog.clock_timestamp()
    order by interaction_id, id limit 100
  loop
    -- Do not wait for a transaction that has locked the interaction: waiting with many locks can deadlock, and the next round
    -- comes within a second.
    perform from public.interactions where id = v_interaction for key share skip locked;
    continue when not found;
    perform from public.interaction_pulse where interaction_id = v_interaction for no key update skip locked;
    continue when not found and exists (select from public.interaction_pulse where interaction_id = v_interaction);
    if private.end_grant(v_id, 'expired', null, null) then
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end $$;
comment on function private.end_expired_grants() is
  'Ends at most 100 grants whose time is over, so that pages do not show them; how many. Nobody can use them anyway.';
