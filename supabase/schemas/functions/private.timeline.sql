create function private.timeline(p_interaction uuid, p_before jsonb default null::jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_at timestamptz;
  v_place integer;
  v_seq bigint;
  v_id text;
begin
  if p_before is not null then
    begin
      v_at := (p_before ->> 0)::timestamptz;
      v_place := (p_before ->> 1)::integer;
      v_seq := (p_before ->> 2)::bigint;
      v_id := p_before ->> 3;
    exception when data_exception then
      v_at := null;
    end;
    if v_at is null or v_place is null or v_seq is null or v_id is null then
      raise exception 'there are no such lines' using errcode = 'FW422';
    end if;
  end if;
  return (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(e) order by e.at, e.place, e.seq, e.id), '[]') from (
    select everything.*, everything.at < i.started_at or everything.at::date <> i.started_at::date as dated
    from public.interactions i
    cross join lateral (
      -- A stamp in the future counts as the time of arrival, and turns of one arrival keep their order.
      (select 't' || t.id as id, least(t.captured_at, t.created_at) as at, 0 as place, t.id as seq, t.speaker as kind, t.text,
        null::text as who, case when t.interrupted then 'interrupted' end as status, t.late, null::jsonb as permission
       from public.interaction_turns t where t.interaction_id = i.id
         and (v_at is null or (least(t.captured_at, t.created_at), 0, t.id, 't' || t.id) < (v_at, v_place, v_seq, v_id))
       order by least(t.captured_at, t.created_at) desc, t.id desc limit 300)
      union all
      (select 'm' || m.id, coalesce(m.effective_at, m.timestamp), 0, m.id, 'feed', m.feed_text, null, m.sentiment, false, null
       from public.realtime_metrics m where m.interaction_id = i.id and m.feed_text <> ''
         and (v_at is null or (coalesce(m.effective_at, m.timestamp), 0, m.id, 'm' || m.id) < (v_at, v_place, v_seq, v_id))
       order by coalesce(m.effective_at, m.timestamp) desc, m.id desc limit 300)
      union all
      select 'q' || q.id, q.requested_at, 1, 0, 'request', q.tool_name || ' ' || case when pg_catalog.length(q.arguments::text) > 2000
          then pg_catalog.left(q.arguments::text, 2000) || '…' else q.arguments::text end, null, null, false,
        pg_catalog.jsonb_build_object('id', q.id, 'tool_name', q.tool_name, 'status', q.status, 'rule', q.rule, 'reason', q.reason,
          'who', coalesce(q.responded_by_name, g.granted_by_name), 'grant_use', q.grant_use, 'responded_at', q.responded_at,
          'arguments', case when pg_catalog.length(q.arguments::text) <= 8000 then q.arguments::text end,
          'changed_arguments', case when pg_catalog.length(q.changed_arguments::text) <= 8000 then q.changed_arguments::text end,
          'changed', q.changed_arguments is not null, 'proposed', q.proposed_arguments is not null,
          'executed_at', q.executed_at, 'succeeded', q.execution_succeeded)
      from public.tool_permissions q
      left join public.tool_grants g on g.id = q.grant_id where q.interaction_id = i.id
      union all
      -- Decisions and executions have entries of their own for servers of the last release.
      select 'd' || q.id, q.responded_at, 2, 0, case q.rule when 'grant' then 'use' else 'decision' end, q.tool_name || coalesce(': ' || q.reason, ''),
        coalesce(q.responded_by_name, (select g.granted_by_name from public.tool_grants g where g.id = q.grant_id), q.rule),
        case q.rule when 'grant' then q.grant_use::text else q.status end, false, null
      from public.tool_permissions q where q.interaction_id = i.id and q.status <> 'pending'
      union all
      select 'g' || g.id, g.created_at, 4, 0, 'grant', g.tool_name || ': ' || private.grant_words(g) || ', '
          || g.max_uses || case g.max_uses when 1 then ' use' else ' uses' end || ' within '
          || (extract(epoch from g.expires_at - g.created_at) / 60)::integer || ' minutes', g.granted_by_name, null, false, null
      from public.tool_grants g where g.interaction_id = i.id
      union all
      select 'e' || g.id, g.ended_at, 5, 0, 'grant_end', g.tool_name, g.ended_by_name, g.ended_how, false, null
      from public.tool_grants g where g.interaction_id = i.id and g.ended_at < coalesce(i.ended_at, 'infinity')
      union all
      select 'x' || q.id, q.executed_at, 3, 0, 'execution', q.tool_name, null,
        case q.execution_succeeded when true then 'succeeded' when false then 'failed' else 'started' end, false, null
      from public.tool_permissions q where q.interaction_id = i.id and q.executed_at is not null
      union all
      -- The agent was paused or resumed during this interaction.
      select 'p' || l.id, l.at, 6, 0, 'pause', null, l.actor,
        case when l.changes -> 'paused_at' -> 1 = 'null' then 'resumed' else 'paused' end, false, null
      from public.audit_logs l where l.row_id = i.agent_id::text and l.changes ? 'paused_at'
        and l.at between i.started_at and coalesce(i.ended_at, 'infinity')
    ) everything
    where i.id = p_interaction and (v_at is null or (everything.at, everything.place, everything.seq, everything.id) < (v_at, v_place, v_seq, v_id))
    order by everything.at desc, everything.place desc, everything.seq desc, everything.id desc limit 300
  ) e);
end $$;
comment on function private.timeline(uuid, jsonb) is
  'The last 300 entries of an interaction, oldest first; with [at, place, seq, id] of one of them, those before it. A request has what became of it. FW422.';
grant execute on function private.timeline(uuid, jsonb) to authenticated;
