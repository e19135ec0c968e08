create function private.alerts_on_screen(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
begin
  return (
    with calling as materialized (
      select a.* from public.alerts a
      where a.closed_at is null and a.acknowledged_at is null
        and case when v_supervisor is null then a.calls_admins else a.calls_supervisor and a.supervisor_id = v_supervisor end
      order by a.opened_at desc, a.id limit 100)
    select pg_catalog.jsonb_build_object(
      'alerts', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(c) order by c.opened_at desc, c.id), '[]') from (
        select a.id, a.rule_name, a.condition, a.amount, a.minutes, a.measured, a.opened_at, a.interaction_id, u.username, g.name as agent_name
        from (select * from calling order by opened_at desc, id limit 5) a
          join public.users u on u.id = a.supervisor_id
          left join public.interactions i on i.id = a.interaction_id left join public.agents g on g.id = i.agent_id) c),
      'more', (select greatest(0, pg_catalog.count(*) - 5) from calling)));
end $$;
comment on function private.alerts_on_screen(jsonb) is
  'The open alerts that call a supervisor {supervisor_id}, or the admins {}, and that nobody acknowledged: the five newest, and how many more of the newest hundred. Through the reader''s row-level security. FW422.';
grant execute on function private.alerts_on_screen(jsonb) to authenticated;
