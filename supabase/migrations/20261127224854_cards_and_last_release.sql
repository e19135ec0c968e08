-- What a card shows is written once, as a view. And the last release can decide again: its function stays for one release.

create or replace function private.answered_cards(p_ids uuid[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if p_ids = '{}' then
    return '[]';
  end if;
  return (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(c) order by c.responded_at desc), '[]')
    from private.decision_cards c where c.id = any (p_ids));
end $$;
comment on function private.answered_cards(uuid[]) is
  'Answered tool permissions with what their lines show, the newest first, through the reader''s own row-level security.';
grant execute on function private.answered_cards(uuid[]) to authenticated;

create or replace function private.decide(p_claims text, p_id uuid, p_status text, p_reason text, p_for_interaction boolean) returns table(won boolean, id uuid, tool_name text, status text, reason text, responded_by_name text, responded_at timestamptz, expires_at timestamptz, executed_at timestamptz, agent_name text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_won boolean;
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  if p_for_interaction then
    raise exception 'a standing approval says what it covers, which this version does not know: restart the server with the new one' using errcode = 'FW409';
  end if;
  -- That server's pages send no digest. The arguments of a request never change, so its id says as much.
  perform from public.decide_tool_permission(p_id, p_status, p_reason,
    coalesce((select t.arguments_digest from public.tool_permissions t where t.id = p_id), ''));
  v_won := found;
  return query
  select v_won, t.id, t.tool_name, t.status, t.reason, t.responded_by_name, t.responded_at, t.expires_at, t.executed_at, a.name
  from public.tool_permissions t join public.agents a on a.id = t.agent_id where t.id = p_id;
end $$;
comment on function private.decide(text, uuid, text, text, boolean) is
  'A person''s decision as the server of the release before decide_v2 asks for it: it stays for one release. FW404, FW422 as decide_tool_permission; FW409 for the rest of the interaction.';
grant execute on function private.decide(text, uuid, text, text, boolean) to floorwalker_web;

create or replace function private.floor(p_arguments jsonb) returns json
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
  v_known jsonb := p_arguments -> 'known';
  v_waiting uuid[];
  v_more bigint := 0;
  v_lately uuid[];
  v_pending json;
  v_answered json;
begin
  if p_arguments -> 'urgent' is distinct from 'false' or v_known ->> 'asked' is distinct from 'nothing' then
    select w.ids, w.more into v_waiting, v_more from private.waiting_in_turn(array[v_supervisor], 50) w;
    v_lately := array(
      select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status <> 'pending'
        and t.rule is null and t.responded_at > pg_catalog.now() - interval '10 minutes'
        order by t.responded_at desc limit 5);
  end if;
  if v_waiting <> '{}' then
    select pg_catalog.json_agg(pg_catalog.row_to_json(c) order by pg_catalog.array_position(v_waiting, c.id)) into v_pending
    from private.tool_permission_cards c where c.id = any (v_waiting);
  end if;
  if v_lately <> '{}' then
    select pg_catalog.json_agg(pg_catalog.row_to_json(c) order by c.responded_at desc) into v_answered
    from private.decision_cards c where c.id = any (v_lately);
  end if;
  return pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(
        case when c.mark = v_known ->> c.id::text then pg_catalog.json_build_object('id', c.id, 'mark', c.mark)
        else pg_catalog.row_to_json(c) end order by c.slot), '[]')
      from private.agent_cards c where c.supervisor_id = v_supervisor),
    'tool_permissions', coalesce(v_pending, '[]'),
    'more', v_more,
    'answered', coalesce(v_answered, '[]'));
end $$;
comment on function private.floor(jsonb) is
  'A supervisor''s floor {supervisor_id, known: {agent''s id: mark, asked: nothing}, urgent}, through the reader''s own row-level security; of an agent whose mark is known only id and mark, and no tool permissions where it is known that there are none and urgent is false. FW422 for what is no id.';
grant execute on function private.floor(jsonb) to authenticated;

create or replace function private.interaction(p_arguments jsonb) returns jsonb
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
            extract(epoch from m.timestamp - i.started_at)::integer, m.satisfaction_score, m.sentiment) order by m.timestamp)
         from (select r.timestamp, r.satisfaction_score, r.sentiment from public.realtime_metrics r
               where r.interaction_id = i.id and r.satisfaction_score is not null order by r.timestamp desc limit 720) m),
        r.series, i.series, '[]'),
      'timeline', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(e) order by e.at, e.place), '[]') from (
          select * from (
            (select t.captured_at as at, 0 as place, t.speaker as kind, t.text, null::text as who, null::text as status
             from public.interaction_turns t where t.interaction_id = i.id order by t.captured_at desc limit 300)
            union all
            -- The feed is a summary of what was said: it stands where there is no transcript.
            (select m.timestamp, 0, 'feed', m.feed_text, null, m.sentiment
             from public.realtime_metrics m where m.interaction_id = i.id and m.feed_text <> ''
               and not exists (select from public.interaction_turns t where t.interaction_id = i.id)
             order by m.timestamp desc limit 300)
            union all
            select q.requested_at, 1, 'request', q.tool_name || ' ' || case when pg_catalog.length(q.arguments::text) > 2000
                then pg_catalog.left(q.arguments::text, 2000) || '…' else q.arguments::text end, null, null
            from public.tool_permissions q where q.interaction_id = i.id
            union all
            select q.responded_at, 2, case q.rule when 'grant' then 'use' else 'decision' end, q.tool_name || coalesce(': ' || q.reason, ''),
              coalesce(q.responded_by_name, (select g.granted_by_name from public.tool_grants g where g.id = q.grant_id), q.rule),
              case q.rule when 'grant' then q.grant_use::text else q.status end
            from public.tool_permissions q where q.interaction_id = i.id and q.status <> 'pending'
            union all
            select g.created_at, 4, 'grant', g.tool_name || ': ' || private.grant_words(g) || ', '
                || g.max_uses || case g.max_uses when 1 then ' use' else ' uses' end || ' within '
                || (extract(epoch from g.expires_at - g.created_at) / 60)::integer || ' minutes', g.granted_by_name, null
            from public.tool_grants g where g.interaction_id = i.id
            union all
            select g.ended_at, 5, 'grant_end', g.tool_name, g.ended_by_name, g.ended_how
            from public.tool_grants g where g.interaction_id = i.id and g.ended_at < coalesce(i.ended_at, 'infinity')
            union all
            select q.executed_at, 3, 'execution', q.tool_name, null,
              case q.execution_succeeded when true then 'succeeded' when false then 'failed' else 'started' end
            from public.tool_permissions q where q.interaction_id = i.id and q.executed_at is not null
          ) everything order by at desc, place desc limit 300
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
comment on function private.interaction(jsonb) is
  'One interaction {interaction_id}, as long as it is of {supervisor_id} if that is given, through the reader''s own row-level security. FW422 for what is no id.';
grant execute on function private.interaction(jsonb) to authenticated;

create or replace function private.permission_cards(p_ids uuid[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if p_ids = '{}' then
    return '[]';
  end if;
  return (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(c) order by pg_catalog.array_position(p_ids, c.id)), '[]')
    from private.tool_permission_cards c where c.id = any (p_ids));
end $$;
comment on function private.permission_cards(uuid[]) is
  'Tool permissions with what their cards show, in this order, through the reader''s own row-level security.';
grant execute on function private.permission_cards(uuid[]) to authenticated;

create or replace function private.wallboard(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sentiment text := p_arguments ->> 'sentiment';
  v_seen_before timestamptz := case when p_arguments ->> 'stale' is not null then pg_catalog.clock_timestamp()
    - pg_catalog.make_interval(secs => private.setting('stale_seconds')) end;
  v_chosen uuid[] := private.chosen_supervisors(p_arguments);
begin
  if v_sentiment not in ('good', 'neutral', 'critical') then
    raise exception 'unknown sentiment %: good, neutral or critical', v_sentiment using errcode = 'FW422';
  end if;
  return (
    with live as materialized (
      select p.interaction_id, p.agent_id, p.supervisor_id, p.started_at, p.last_seen_at, p.sentiment, p.satisfaction_score
      from public.interaction_pulse p
    ), matching as materialized (
      select l.*, case l.sentiment when 'critical' then 0 when 'neutral' then 1 when 'good' then 2 else 3 end as badness
      from live l
      where (v_chosen is null or l.supervisor_id in (select pg_catalog.unnest(v_chosen)))
        and (v_sentiment is null or l.sentiment = v_sentiment)
        and (v_seen_before is null or l.last_seen_at < v_seen_before)
    ), worst as materialized (
      select m.*, pg_catalog.row_number() over () as place from (
        select * from matching
        order by badness, satisfaction_score nulls last, started_at, interaction_id limit 60) m
    )
    select pg_catalog.jsonb_build_object(
      'numbers', (select pg_catalog.jsonb_build_object(
        'active', pg_catalog.count(*),
        'critical', pg_catalog.count(*) filter (where sentiment = 'critical'),
        'satisfaction', pg_catalog.round(pg_catalog.avg(satisfaction_score)),
        'agents', (select coalesce(pg_catalog.jsonb_object_agg(g.status, g.n), '{}') from (
          select status, pg_catalog.count(*) as n from public.agents where retired_at is null group by status) g))
        || (select pg_catalog.jsonb_build_object('pending', pg_catalog.count(*), 'oldest_pending', pg_catalog.min(requested_at))
            from public.tool_permissions where status = 'pending' and held_until is null) from live),
      'interactions', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by w.place), '[]')
        from worst w join private.interaction_rows r on r.id = w.interaction_id),
      'matching', (select pg_catalog.count(*) from matching),
      'supervisors', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(v) order by v.critical desc, v.active desc, v.username), '[]') from (
        select u.username, t.active, t.critical
        from (select supervisor_id, pg_catalog.count(*) as active, pg_catalog.count(*) filter (where sentiment = 'critical') as critical
              from live group by supervisor_id) t
        join public.users u on u.id = t.supervisor_id
        order by t.critical desc, t.active desc, u.username limit 24) v)));
end $$;
comment on function private.wallboard(jsonb) is
  'The whole floor, through the reader''s own row-level security: an admin sees everybody''s. FW422 for an unknown filter.';
grant execute on function private.wallboard(jsonb) to authenticated;

create view private.interaction_cards with (security_invoker=true) as
 select p.interaction_id as id,
    p.agent_id,
    p.xmin::text as version,
    p.started_at,
    p.phone_number,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.scores,
    p.feed,
    p.grants
   from public.interaction_pulse p;
comment on view private.interaction_cards is
  'What an agent''s card shows of the interaction that the agent is in. The version changes with the row.';
grant select on private.interaction_cards to authenticated;

create view private.interaction_rows with (security_invoker=true) as
 select p.interaction_id as id,
    a.name as agent_name,
    u.username,
    a.agent_type as interaction_type,
    p.started_at,
    p.phone_number,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.feed -> 0 as feed,
    jsonb_array_length(p.grants) as grants
   from public.interaction_pulse p
     join public.agents a on a.id = p.agent_id
     join public.users u on u.id = p.supervisor_id;
comment on view private.interaction_rows is
  'What the wallboard shows of an active interaction: the newest feed line, and how many grants.';
grant select on private.interaction_rows to authenticated;

create view private.agent_cards with (security_invoker=true) as
 select a.id,
    a.supervisor_id,
    a.slot,
    a.xmin::text || ' ' || i.version as mark,
    a.name,
    a.agent_type,
    a.status,
    a.paused_at,
    i as interaction,
    case when i.id is null then (
      select row_to_json(l) from (
        select e.ended_at,
          e.status,
          c.csat_score
        from public.interactions e
          left join public.interaction_archives c on c.interaction_id = e.id
        where e.agent_id = a.id and e.status <> 'active'
        order by e.ended_at desc limit 1) l) end as last
   from public.agents a
     left join private.interaction_cards i on i.agent_id = a.id
  where a.retired_at is null;
comment on view private.agent_cards is
  'What the card of an agent in use shows: the interaction that it is in, or how the last one ended. The mark changes with what is shown of an interaction.';
grant select on private.agent_cards to authenticated;

create view private.interaction_heads with (security_invoker=true) as
 select i.id,
    i.status,
    i.interaction_type,
    i.phone_number,
    i.started_at,
    i.ended_at,
    i.duration_seconds,
    i.livekit_room_id,
    a.name as agent_name,
    u.username,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.grants
   from public.interactions i
     join public.agents a on a.id = i.agent_id
     join public.users u on u.id = i.supervisor_id
     left join public.interaction_pulse p on p.interaction_id = i.id;
comment on view private.interaction_heads is
  'What the page of one interaction shows at its head.';
grant select on private.interaction_heads to authenticated;

create view private.tool_permission_cards with (security_invoker=true) as
 select t.id,
    t.tool_name,
    t.tool_description,
    g.description as owner_description,
    t.arguments::text as arguments,
    t.arguments_digest,
    t.known_tool,
    t.status,
    t.requested_at,
    t.expires_at,
    t.held_by,
    t.held_by_name,
    t.held_until,
    t.times_held,
    g.undo_seconds,
    t.interaction_id,
    t.agent_id,
    a.name as agent_name,
    a.agent_type as interaction_type,
    p.phone_number,
    p.sentiment,
    p.satisfaction_score,
    coalesce(p.feed, '[]') as feed
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id
     left join public.agent_tools g on g.agent_id = t.agent_id and g.tool_name = t.tool_name
     left join public.interaction_pulse p on p.interaction_id = t.interaction_id;
comment on view private.tool_permission_cards is
  'What the card of a pending tool permission shows. The arguments are text, exactly as they were sent.';
grant select on private.tool_permission_cards to authenticated;

create view private.decision_cards with (security_invoker=true) as
 select t.id,
    t.tool_name,
    t.arguments::text as arguments,
    t.status,
    t.reason,
    t.responded_by_name,
    t.responded_at,
    t.executed_at,
    a.name as agent_name
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id;
comment on view private.decision_cards is
  'What the line of an answered tool permission shows.';
grant select on private.decision_cards to authenticated;
