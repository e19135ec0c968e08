create function private.drill_is_due(p_supervisor_id uuid) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select n.per_day > (select pg_catalog.count(*) from private.drills d where d.supervisor_id = n.supervisor_id
      and d.created_at > pg_catalog.now() - interval '24 hours' and d.outcome is distinct from 'withdrawn')
    and not exists (select from private.drills d where d.supervisor_id = n.supervisor_id
      and d.created_at > pg_catalog.now() - interval '15 minutes')
    and not exists (select from public.tool_permissions t where t.supervisor_id = n.supervisor_id and t.status = 'pending')
  from private.drill_plans n where n.supervisor_id = p_supervisor_id
$$;
comment on function private.drill_is_due(uuid) is
  'Whether the product may send this supervisor a drill by itself: fewer than their number in 24 hours, none in 15 minutes, and nothing waits. Null without a plan.';
