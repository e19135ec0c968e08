-- One timeline of everything, and each line has an identity: a page keeps the line that somebody selects text in.

create or replace function private.cleanup_realtime_metrics(p_hours integer default null::integer, p_limit integer default 500) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hours integer := coalesce(p_hours, private.setting('metrics_hours'));
  v_before timestamptz;
  v_doomed uuid[];
  v_count integer;
begin
  if v_hours < 1 or v_hours > 876000 then
    raise exception 'metrics are kept for at least one hour, and at most 876000' using errcode = 'FW422';
  elsif p_limit is null or p_limit < 1 then
    raise exception 'a batch has at least one row' using errcode = 'FW422';
  end if;
  v_before := pg_catalog.now() - pg_catalog.make_interval(hours => v_hours);
  -- The interactions whose rows are oldest, as many as the batch holds, and at least one.
  select pg_catalog.array_agg(c.id) into v_doomed from (
    select n.id, pg_catalog.sum(n.rows) over (order by n.place) - n.rows as earlier from (
      select x.id, x.place, (select pg_catalog.count(*) from (
          select from public.realtime_metrics r where r.interaction_id = x.id limit p_limit) r) as rows
      from (
        select o.id, pg_catalog.min(o.place) as place from (
          select i.id, pg_catalog.row_number() over (order by m.created_at) as place
          from public.realtime_metrics m join public.interactions i on i.id = m.interaction_id
          where m.created_at < v_before and i.ended_at < v_before
          order by m.created_at limit 100) o
        group by o.id) x
    ) n
  ) c where c.earlier < p_limit;
  if v_doomed is null then
    return 0;
  end if;
  -- A very long interaction goes in several batches; its series is made with the first, while it is whole.
  with series as (
    select b.interaction_id, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(b.seconds, b.score, b.sentiment) order by b.seconds) as points
    from (
      select m.interaction_id, pg_catalog.min(extract(epoch from m.at - m.started_at))::integer as seconds,
        pg_catalog.round(pg_catalog.avg(m.satisfaction_score), 1) as score,
        pg_catalog.mode() within group (order by m.sentiment) as sentiment
      from (select r.interaction_id, i.started_at, coalesce(r.effective_at, r.timestamp) as at, r.satisfaction_score, r.sentiment,
              pg_catalog.ntile(120) over (partition by r.interaction_id order by coalesce(r.effective_at, r.timestamp)) as bucket
            from public.interactions i
            join public.realtime_metrics r on r.interaction_id = i.id
            left join public.interaction_archives a on a.interaction_id = i.id
            where i.id = any (v_doomed) and i.anonymised_at is null and coalesce(a.series, i.series) is null) m
      group by m.interaction_id, m.bucket
    ) b group by b.interaction_id
  ), archived as (
    update public.interaction_archives a set series = s.points from series s
    where a.interaction_id = s.interaction_id returning a.interaction_id
  )
  update public.interactions i set series = s.points from series s
  where i.id = s.interaction_id and s.interaction_id not in (select interaction_id from archived);
  delete from public.realtime_metrics where ctid = any (array(
    select ctid from public.realtime_metrics where interaction_id = any (v_doomed) limit p_limit));
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function private.cleanup_realtime_metrics(integer, integer) is
  'Deletes at most p_limit metrics of interactions that ended more than p_hours ago, after keeping 120 points of each; how many. FW422.';
grant execute on function private.cleanup_realtime_metrics(integer, integer) to service_role;

comment on function private.interaction(jsonb) is
  'For the server of the release before, to be dropped with the next one. One interaction {interaction_id}, as long as it is of {supervisor_id} if that is given, through the reader''s own row-level security. FW422 for what is no id.';

create or replace function private.interaction_v2(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction uuid := private.id_argument(p_arguments, 'interaction_id');
  v_supervisor uuid := case when p_arguments ? 'supervisor_id' then private.id_argument(p_arguments, 'supervisor_id') end;
begin
  return (
    select pg_catalog.jsonb_build_object(
      'interaction', pg_catalog.to_jsonb(h),
      'scores', coalesce(
        (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
            extract(epoch from m.at - i.started_at)::integer, m.satisfaction_score, m.sentiment) order by m.at, m.id)
         from (select r.id, coalesce(r.effective_at, r.timestamp) as at, r.satisfaction_score, r.sentiment
               from public.realtime_metrics r
               where r.interaction_id = i.id and r.satisfaction_score is not null order by r.timestamp desc limit 720) m),
        r.series, i.series, '[]'),
      'timeline', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(e) order by e.at, e.place, e.id), '[]') from (
          select everything.*, everything.at < i.started_at
              or everything.at::date <> i.started_at::date as dated from (
            -- A stamp that is ahead counts as when it came.
            (select 't' || t.id as id, least(t.captured_at, t.created_at) as at, 0 as place, t.speaker as kind, t.text,
              null::text as who, case when t.interrupted then 'interrupted' end as status, t.late
             from public.interaction_turns t where t.interaction_id = i.id order by t.captured_at desc limit 300)
            union all
            (select 'm' || m.id, coalesce(m.effective_at, m.timestamp), 0, 'feed', m.feed_text, null, m.sentiment, false
             from public.realtime_metrics m where m.interaction_id = i.id and m.feed_text <> ''
             order by m.timestamp desc limit 300)
            union all
            select 'q' || q.id, q.requested_at, 1, 'request', q.tool_name || ' ' || case when pg_catalog.length(q.arguments::text) > 2000
                then pg_catalog.left(q.arguments::text, 2000) || '…' else q.arguments::text end, null, null, false
            from public.tool_permissions q where q.interaction_id = i.id
            union all
            select 'd' || q.id, q.responded_at, 2, case q.rule when 'grant' then 'use' else 'decision' end, q.tool_name || coalesce(': ' || q.reason, ''),
              coalesce(q.responded_by_name, (select g.granted_by_name from public.tool_grants g where g.id = q.grant_id), q.rule),
              case q.rule when 'grant' then q.grant_use::text else q.status end, false
            from public.tool_permissions q where q.interaction_id = i.id and q.status <> 'pending'
            union all
            select 'g' || g.id, g.created_at, 4, 'grant', g.tool_name || ': ' || private.grant_words(g) || ', '
                || g.max_uses || case g.max_uses when 1 then ' use' else ' uses' end || ' within '
                || (extract(epoch from g.expires_at - g.created_at) / 60)::integer || ' minutes', g.granted_by_name, null, false
            from public.tool_grants g where g.interaction_id = i.id
            union all
            select 'e' || g.id, g.ended_at, 5, 'grant_end', g.tool_name, g.ended_by_name, g.ended_how, false
            from public.tool_grants g where g.interaction_id = i.id and g.ended_at < coalesce(i.ended_at, 'infinity')
            union all
            select 'x' || q.id, q.executed_at, 3, 'execution', q.tool_name, null,
              case q.execution_succeeded when true then 'succeeded' when false then 'failed' else 'started' end, false
            from public.tool_permissions q where q.interaction_id = i.id and q.executed_at is not null
            union all
            -- The agent was paused or goes on while it was in this interaction.
            select 'p' || l.id, l.at, 6, 'pause', null, l.actor,
              case when l.changes -> 'paused_at' -> 1 = 'null' then 'resumed' else 'paused' end, false
            from public.audit_logs l where l.row_id = i.agent_id::text and l.changes ? 'paused_at'
              and l.at between i.started_at and coalesce(i.ended_at, 'infinity')
          ) everything order by at desc, place desc, id desc limit 300
        ) e),
      'tool_permissions', private.permission_cards(array(
        select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status = 'pending'
        order by w.requested_at, w.id limit 50)),
      'answered', private.answered_cards(array(
        select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status <> 'pending' and w.rule is null
          and w.responded_at > pg_catalog.now() - interval '10 minutes' order by w.responded_at desc limit 5)),
      'archive', case when r.id is not null then pg_catalog.jsonb_build_object('summary', r.summary, 'issues', r.issues,
        'tags', r.tags, 'csat_score', r.csat_score, 'resolution_time_seconds', r.resolution_time_seconds,
        'fcr_status', r.fcr_status, 'created_at', r.created_at) end,
      'broken_by', (
        select later.id from public.interactions later
        join public.interaction_archives b on b.interaction_id = later.id
        where r.fcr_status = false and later.phone_number = i.phone_number and later.started_at > i.started_at
          and later.started_at <= i.started_at + interval '3 days'
          and private.issue_tags(b.tags) && private.issue_tags(r.tags)
        order by later.started_at limit 1))
    from public.interactions i
    join private.interaction_heads h on h.id = i.id
    left join public.interaction_archives r on r.interaction_id = i.id
    where i.id = v_interaction and (v_supervisor is null or i.supervisor_id = v_supervisor));
end $$;
comment on function private.interaction_v2(jsonb) is
  'One interaction {interaction_id}, as long as it is of {supervisor_id} if that is given, through the reader''s own row-level security. FW422 for what is no id.';
grant execute on function private.interaction_v2(jsonb) to authenticated;

update private.pages set function = 'interaction_v2' where name = 'interaction';
