create function private.settle_held_permissions(p_id uuid default null::uuid) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count integer;
begin
  with due as (
    select id from public.tool_permissions
    where held_until <= pg_catalog.clock_timestamp() and (p_id is null or id = p_id)
    order by held_until limit 500 for no key update skip locked
  )
  update public.tool_permissions t set status = 'allowed', responded_by = t.held_by, responded_by_name = t.held_by_name,
    reason = t.held_reason, responded_at = m.moment,
    execute_before = m.moment + pg_catalog.make_interval(secs => private.setting('execute_seconds'))
  from due, (select pg_catalog.clock_timestamp() as moment) m where t.id = due.id;
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function private.settle_held_permissions(uuid) is
  'Allows what was held and can no longer be taken back, this request or at most 500; how many. Safe for everybody to call, on every replica.';
grant execute on function private.settle_held_permissions(uuid) to agent_runtime, service_role;
