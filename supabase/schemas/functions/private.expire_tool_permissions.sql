create function private.expire_tool_permissions() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_settled integer;
  v_count integer;
begin
  -- Grants first, because every function locks interactions and pulses before requests.
  v_settled := private.end_expired_grants() + private.settle_held_permissions() + private.end_drills();
  with due as (
    select id from public.tool_permissions
    where status = 'pending' and held_until is null and expires_at <= pg_catalog.clock_timestamp()
    order by expires_at limit 500 for no key update skip locked
  )
  update public.tool_permissions t set status = 'timeout', responded_at = pg_catalog.clock_timestamp()
  from due where t.id = due.id;
  get diagnostics v_count = row_count;
  return v_settled + v_count;
end $$;
comment on function private.expire_tool_permissions() is
  'Marks at most 500 expired requests as timeout, and allows at most 500 whose allow can no longer be taken back, and ends drills; how many. Safe on every replica.';
grant execute on function private.expire_tool_permissions() to floorwalker_web, service_role;
