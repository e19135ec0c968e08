-- Why: what was asked while the clock of the machine was put back came behind the mark of the index, and no search found it.

-- In batches, because 500 rows that come together change each page of the index once. The newest minute is left out: a request whose
-- transaction commits late has an earlier time than others that are stored already, and no statement of ours takes longer than ten seconds.
create or replace function private.fill_decision_search(p_batch integer default 500, p_age interval default '1 minute') returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_mark timestamptz := coalesce((select pg_catalog.max(requested_at) from private.decision_search), '-infinity');
  v_until timestamptz := (select requested_at from public.tool_permissions where requested_at > v_mark and requested_at < pg_catalog.now() - p_age
    order by requested_at offset p_batch - 1 limit 1);
  v_end timestamptz := pg_catalog.clock_timestamp() + interval '1 second';  -- 500 with the largest arguments would take longer than a statement may
  v_index constant regclass := 'private.decision_search_key';
  v_permission public.tool_permissions;
  v_count integer := 0;
begin
  -- A statement that changes a row which may be read here takes this lock too (private.follow_decision_search), so that no old text is stored over the change.
  if v_until is null and pg_catalog.now() >= v_mark + p_age or not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker decision search', 0)) then
    return 0;
  end if;
  -- The clock of the machine was put back: what is asked before it has caught up comes behind the mark.
  if pg_catalog.now() < v_mark + p_age then
    insert into private.decision_search (tool_permission_id, agent_id, requested_at, key)
    select t.id, t.agent_id, t.requested_at, case when t.status <> 'pending' then private.decision_key(t) end from public.tool_permissions t
    where t.requested_at between pg_catalog.now() - interval '1 hour' and v_mark
      and not exists (select from private.decision_search s where s.tool_permission_id = t.id)
    order by t.requested_at limit p_batch
    on conflict do nothing;
  end if;
  for v_permission in
    select t.* from private.decision_search s join public.tool_permissions t on t.id = s.tool_permission_id
    where s.key is null and t.status <> 'pending'
  loop
    exit when pg_catalog.clock_timestamp() > v_end;
    update private.decision_search set key = private.decision_key(v_permission) where tool_permission_id = v_permission.id;
    v_count := v_count + 1;
  end loop;
  for v_permission in
    select * from public.tool_permissions where requested_at > v_mark and requested_at <= v_until order by requested_at
  loop
    exit when pg_catalog.clock_timestamp() > v_end and v_permission.requested_at > v_mark;
    v_mark := v_permission.requested_at;
    insert into private.decision_search (tool_permission_id, agent_id, requested_at, key)
    values (v_permission.id, v_permission.agent_id, v_permission.requested_at,
      case when v_permission.status <> 'pending' then private.decision_key(v_permission) end)
    on conflict do nothing;
    v_count := v_count + 1;
  end loop;
  perform pg_catalog.gin_clean_pending_list(v_index);
  return v_count;
end $$;
comment on function private.fill_decision_search(integer, interval) is
  'Makes the next rows of private.decision_search once so many of this age have come, and completes those that were decided meanwhile, for a second at most; how many.';
