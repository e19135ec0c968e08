create function private.answered_permissions(p_supervisor_ids uuid[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_since timestamptz := pg_catalog.now() - interval '10 minutes';
begin
  if p_supervisor_ids is null then
    return private.answered_cards(array(
      (select t.id from public.tool_permissions t
        where t.status <> 'pending' and (t.rule is null or t.rule = 'shown') and t.responded_at > v_since
        order by t.responded_at desc limit 5)
      union
      (select t.id from public.tool_permissions t
        where t.status = 'allowed' and t.executed_at is null and t.rule is null and t.requested_at > v_since - interval '10 minutes'
          and t.execute_before > pg_catalog.now() - interval '1 minute'
        order by t.requested_at desc limit 10)));
  end if;
  return private.answered_cards(array(
    (select t.id from public.tool_permissions t
      where t.status <> 'pending' and (t.rule is null or t.rule = 'shown') and t.responded_at > v_since and t.supervisor_id = any (p_supervisor_ids)
      order by t.responded_at desc limit 5)
    union
    (select t.id from public.tool_permissions t
      where t.status = 'allowed' and t.executed_at is null and t.rule is null and t.requested_at > v_since - interval '10 minutes'
        and t.execute_before > pg_catalog.now() - interval '1 minute' and t.supervisor_id = any (p_supervisor_ids)
      order by t.requested_at desc limit 10)));
end $$;
comment on function private.answered_permissions(uuid[]) is
  'The last five tool permissions answered within ten minutes, newest first, with at most ten allows that no agent has come back for, until a minute after their time.';
grant execute on function private.answered_permissions(uuid[]) to authenticated;
