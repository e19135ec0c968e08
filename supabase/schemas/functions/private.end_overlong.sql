create function private.end_overlong() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
  v_count integer := 0;
begin
  for v_id in
    select p.interaction_id from public.interaction_pulse p where p.ends_at <= pg_catalog.clock_timestamp() order by p.ends_at limit 50
  loop
    perform from public.interactions where id = v_id and status = 'active' for no key update skip locked;
    continue when not found;
    update public.interactions set status = 'completed', end_reason = 'timeout' where id = v_id;
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;
comment on function private.end_overlong() is
  'Completes at most 50 active interactions that are older than the max_call_duration of their agent, as it was at the start; how many.';
grant execute on function private.end_overlong() to service_role;
