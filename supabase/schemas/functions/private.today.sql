-- Bounded, however long the history is: the quarters of an hour of one day of one person's agents, one person's interactions and decisions of one day, and the
-- newest rows by index. The floor asks once when it becomes quiet, and never while it is busy.
create function private.today(p_time_zone text) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_viewer uuid := private.viewer_id();
  v_since timestamptz := private.period_start('today', p_time_zone);
begin
  if private.viewer_role() is distinct from 'supervisor' then
    raise exception 'only a supervisor has a floor' using errcode = 'FW403';
  end if;
  return (
    with parts as materialized (
      select s.starts_at, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
      from public.agents a join private.performance_sums s on s.span = 'agent_quarter' and s.key = a.id and s.starts_at >= v_since
      where a.supervisor_id = v_viewer
      union all
      select c.started_at, c.completed, c.handle_seconds, c.rated, c.csat_hundredths, c.fcr_known, c.fcr_true
      from private.performance_changes c where c.supervisor_id = v_viewer and c.started_at >= v_since
    ), answers as materialized (
      select t.id, t.tool_name, coalesce(t.changed_arguments, t.arguments) as arguments, t.status, t.agent_id, t.responded_at,
        extract(epoch from coalesce(t.held_at, t.responded_at) - t.requested_at)::double precision as seconds
      from public.tool_permissions t join public.interactions i on i.id = t.interaction_id
      where t.supervisor_id = v_viewer and t.responded_at >= v_since and t.status in ('allowed', 'denied')
        and t.responded_by is not null and not i.is_test
    ), own as materialized (
      select i.agent_id, pg_catalog.count(*) as interactions, pg_catalog.avg(c.csat_score) as csat, pg_catalog.avg(i.duration_seconds) as aht
      from public.interactions i left join public.interaction_archives c on c.interaction_id = i.id
      where i.supervisor_id = v_viewer and i.started_at >= v_since and i.status = 'completed' and not i.is_test
      group by i.agent_id
    ), recent as materialized (
      select i.id, i.agent_id, i.ended_at, i.status from public.interactions i
      where i.supervisor_id = v_viewer and i.status <> 'active' and not i.is_test
      order by i.started_at desc limit 20
    )
    select pg_catalog.json_build_object(
      'since', v_since,
      'agents', (select pg_catalog.count(*) from public.agents a where a.supervisor_id = v_viewer and a.retired_at is null),
      'interactions', (select coalesce(pg_catalog.sum(completed), 0) from parts),
      'csat', (select pg_catalog.round(pg_catalog.sum(csat_hundredths) * 0.01 / nullif(pg_catalog.sum(rated), 0), 1) from parts),
      'aht', (select pg_catalog.round(pg_catalog.sum(handle_seconds) / nullif(pg_catalog.sum(completed), 0), 1) from parts),
      'fcr', (select pg_catalog.round(100.0 * pg_catalog.sum(fcr_true) / nullif(pg_catalog.sum(fcr_known), 0), 1) from parts),
      'allowed', (select pg_catalog.count(*) from answers where status = 'allowed'),
      'denied', (select pg_catalog.count(*) from answers where status = 'denied'),
      'typical_seconds', (select pg_catalog.percentile_cont(0.5) within group (order by seconds) from answers),
      'hours', (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
          'hour', pg_catalog.to_char(h.at at time zone p_time_zone, 'HH24:MI'), 'interactions', h.n) order by h.at), '[]') from (
        select g.at, coalesce((select pg_catalog.sum(p.completed) from parts p
          where p.starts_at >= g.at and p.starts_at < g.at + interval '1 hour'), 0) as n
        from pg_catalog.generate_series(v_since, pg_catalog.now(), interval '1 hour') g (at)) h),
      'by_agent', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(b) order by b.slot), '[]') from (
        select a.slot, a.id, a.name, o.interactions, pg_catalog.round(o.csat) as csat, pg_catalog.round(o.aht, 1) as aht
        from public.agents a join own o on o.agent_id = a.id where a.supervisor_id = v_viewer and a.retired_at is null) b),
      'last', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(l) order by l.ended_at desc), '[]') from (
        select r.id, r.ended_at, r.status, a.name as agent_name, pg_catalog.left(c.summary, 200) as summary, c.csat_score,
          case when pg_catalog.jsonb_array_length(c.issues) > 0 then not exists (
            select from pg_catalog.jsonb_array_elements(c.issues) e where e ->> 'status' is distinct from 'resolved') end as resolved
        from recent r join public.agents a on a.id = r.agent_id
        left join public.interaction_archives c on c.interaction_id = r.id
        order by r.ended_at desc limit 5) l),
      'decisions', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(d) order by d.responded_at desc), '[]') from (
        select s.id, s.tool_name, s.arguments::text as arguments, s.status, s.responded_at, s.seconds, a.name as agent_name
        from answers s join public.agents a on a.id = s.agent_id
        order by s.responded_at desc limit 3) d)));
end $$;
comment on function private.today(text) is
  'What the viewer''s own floor did since midnight in a time zone: sums, also by agent, interactions by hour, the last five interactions and three decisions. FW403 for all but supervisors, FW422 for an unknown zone.';
grant execute on function private.today(text) to authenticated;
