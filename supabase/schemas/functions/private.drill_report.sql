create function private.drill_report() returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.require_admin();
  return pg_catalog.json_build_object(
    'supervisors', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(s) order by s.username), '[]') from (
      select u.id, u.username, u.name, coalesce(n.per_day, 0) as per_day,
        exists (select from public.interaction_pulse p where p.supervisor_id = u.id and p.silent_since is null and not p.is_test) as live,
        exists (select from private.drills d where d.supervisor_id = u.id and d.outcome is null) as waits
      from public.users u left join private.drill_plans n on n.supervisor_id = u.id
      where u.role = 'supervisor' and u.deactivated_at is null order by u.username limit 500) s),
    'drills', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(d) order by d.created_at desc), '[]') from (
      select d.id, u.username, d.template, d.tool_name, d.created_at, d.outcome, d.ended_at, coalesce(b.username, b.name) as sent_by,
        a.name as agent_name, d.interaction_id
      from private.drills d join public.users u on u.id = d.supervisor_id left join public.users b on b.id = d.created_by
      join public.interactions i on i.id = d.interaction_id join public.agents a on a.id = i.agent_id
      order by d.created_at desc limit 50) d));
end $$;
comment on function private.drill_report() is
  'For admins: each supervisor with their drills a day, whether they have a live interaction (live) and an open drill (waits); and the last 50 drills. FW403.';
grant execute on function private.drill_report() to authenticated;
