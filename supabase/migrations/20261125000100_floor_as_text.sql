-- A floor is read for nearly every metric: it is put together as the text that it leaves as (json), where jsonb was a
-- tree that was built, taken apart and written out; and whose rows a person sees is asked with one call less a table, for
-- an array, which needs no rows that are collected first.

create function private.visible_supervisor_ids() returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  -- As private.viewer_id() has it.
  v_sub text := nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';
  v_viewer uuid := case when v_sub ~ '^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$' then v_sub::uuid end;
  v_role text;
begin
  select u.role into v_role from public.users u where u.id = v_viewer and u.deactivated_at is null
    and (u.banned_until is null or u.banned_until <= pg_catalog.now());
  if v_role = 'admin' then
    return array(select u.id from public.users u where u.role = 'supervisor');
  elsif v_role = 'supervisor' then
    return array[v_viewer];
  end if;
  return '{}';
end $$;
comment on function private.visible_supervisor_ids() is
  'Whose rows the viewer sees: all supervisors'' for an active admin, their own for an active supervisor, else none.';
revoke all on function private.visible_supervisor_ids() from public;
grant execute on function private.visible_supervisor_ids() to authenticated;

create or replace function private.visible_supervisors() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select pg_catalog.unnest(private.visible_supervisor_ids())
$$;

alter policy agents_visible on public.agents
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));
alter policy interactions_visible on public.interactions
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));
alter policy interaction_pulse_visible on public.interaction_pulse
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));
alter policy realtime_metrics_visible on public.realtime_metrics
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));
alter policy interaction_turns_visible on public.interaction_turns
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));
alter policy tool_permissions_visible on public.tool_permissions
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));
alter policy tool_grants_visible on public.tool_grants
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));
alter policy interaction_archives_visible on public.interaction_archives
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));
alter policy audit_logs_visible on public.audit_logs
  using ((select private.viewer_role()) = 'admin' or supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

-- Its answer has another type. Only the web process asks, and reads either.
-- squawk-ignore ban-drop-function
drop function private.floor(jsonb);
create function private.floor(p_arguments jsonb) returns json
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
  v_asked uuid[] := array(
    (select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status = 'pending'
      order by t.requested_at, t.id limit 50)
    union all
    (select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status <> 'pending'
      and t.rule is null and t.responded_at > pg_catalog.now() - interval '10 minutes'
      order by t.responded_at desc limit 5));
  v_pending json;
  v_answered json;
begin
  if v_asked <> '{}' then
    select
      pg_catalog.json_agg(pg_catalog.json_build_object(
        'id', t.id, 'tool_name', t.tool_name, 'tool_description', t.tool_description, 'arguments', t.arguments::text,
        'known_tool', t.known_tool, 'status', t.status, 'requested_at', t.requested_at, 'expires_at', t.expires_at,
        'interaction_id', t.interaction_id, 'agent_name', a.name, 'interaction_type', a.agent_type,
        'phone_number', p.phone_number, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
        'feed', coalesce(p.feed, '[]')) order by t.requested_at, t.id) filter (where t.status = 'pending'),
      pg_catalog.json_agg(pg_catalog.json_build_object(
        'id', t.id, 'tool_name', t.tool_name, 'status', t.status, 'reason', t.reason,
        'responded_by_name', t.responded_by_name, 'responded_at', t.responded_at, 'executed_at', t.executed_at,
        'agent_name', a.name) order by t.responded_at desc) filter (where t.status <> 'pending')
    into v_pending, v_answered
    from public.tool_permissions t
    join public.agents a on a.id = t.agent_id
    left join public.interaction_pulse p on p.interaction_id = t.interaction_id
    where t.id = any (v_asked);
  end if;
  return pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
        'id', a.id, 'name', a.name, 'agent_type', a.agent_type, 'status', a.status, 'paused_at', a.paused_at,
        'interaction', case when p.interaction_id is not null then pg_catalog.json_build_object(
          'id', p.interaction_id, 'started_at', p.started_at, 'phone_number', p.phone_number,
          'last_seen_at', p.last_seen_at, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
          'scores', p.scores, 'feed', p.feed) end,
        'last', case when p.interaction_id is null then (
          select pg_catalog.json_build_object('ended_at', l.ended_at, 'status', l.status, 'csat_score', r.csat_score)
          from public.interactions l left join public.interaction_archives r on r.interaction_id = l.id
          where l.agent_id = a.id and l.status <> 'active' order by l.ended_at desc limit 1) end) order by a.slot), '[]')
      from public.agents a
      left join public.interaction_pulse p on p.agent_id = a.id
      where a.supervisor_id = v_supervisor and a.retired_at is null),
    'tool_permissions', coalesce(v_pending, '[]'),
    'answered', coalesce(v_answered, '[]'));
end $$;
comment on function private.floor(jsonb) is 'A supervisor''s floor {supervisor_id}, through the reader''s own row-level security. FW422 for what is no id.';
revoke all on function private.floor(jsonb) from public;
grant execute on function private.floor(jsonb) to authenticated;

-- What a row of the wallboard shows of its interaction is in the pulse and with the agent.
create or replace function private.wallboard(p_arguments jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
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
            from public.tool_permissions where status = 'pending') from live),
      'interactions', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'id', w.interaction_id, 'agent_name', a.name, 'username', u.username, 'interaction_type', a.agent_type,
          'started_at', w.started_at, 'phone_number', p.phone_number, 'last_seen_at', w.last_seen_at,
          'sentiment', w.sentiment, 'satisfaction_score', w.satisfaction_score, 'feed', p.feed -> 0) order by w.place), '[]')
        from worst w
        join public.interaction_pulse p on p.interaction_id = w.interaction_id
        join public.agents a on a.id = w.agent_id
        join public.users u on u.id = w.supervisor_id),
      'matching', (select pg_catalog.count(*) from matching),
      'supervisors', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(v) order by v.critical desc, v.active desc, v.username), '[]') from (
        select u.username, t.active, t.critical
        from (select supervisor_id, pg_catalog.count(*) as active, pg_catalog.count(*) filter (where sentiment = 'critical') as critical
              from live group by supervisor_id) t
        join public.users u on u.id = t.supervisor_id
        order by t.critical desc, t.active desc, u.username limit 24) v)));
end $$;

-- What waits for a decision of one interaction or of several supervisors is shown alike.
create function private.permission_cards(p_ids uuid[]) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
begin
  if p_ids = '{}' then
    return '[]';
  end if;
  return (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'id', t.id, 'tool_name', t.tool_name, 'tool_description', t.tool_description, 'arguments', t.arguments::text,
      'known_tool', t.known_tool, 'status', t.status, 'requested_at', t.requested_at, 'expires_at', t.expires_at,
      'interaction_id', t.interaction_id, 'agent_name', a.name, 'interaction_type', a.agent_type,
      'phone_number', i.phone_number, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
      'feed', coalesce(p.feed, '[]')) order by t.requested_at, t.id), '[]')
    from public.tool_permissions t
    join public.agents a on a.id = t.agent_id
    join public.interactions i on i.id = t.interaction_id
    left join public.interaction_pulse p on p.interaction_id = t.interaction_id
    where t.id = any (p_ids));
end $$;
comment on function private.permission_cards(uuid[]) is
  'Tool permissions with what their cards show, the oldest first, through the reader''s own row-level security.';
revoke all on function private.permission_cards(uuid[]) from public;
grant execute on function private.permission_cards(uuid[]) to authenticated;

create or replace function private.live_permissions(p_supervisor_ids uuid[], p_limit integer) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_ids uuid[];
begin
  if p_supervisor_ids is null then
    v_ids := array(select t.id from public.tool_permissions t where t.status = 'pending'
      order by t.requested_at, t.id limit greatest(p_limit, 0));
  else
    v_ids := array(select t.id from public.tool_permissions t
      where t.status = 'pending' and t.supervisor_id = any (p_supervisor_ids)
      order by t.requested_at, t.id limit greatest(p_limit, 0));
  end if;
  return private.permission_cards(v_ids);
end $$;

-- As plpgsql, which keeps its plan; of one supervisor where that is named, so that an interaction that moves is gone from
-- a page that would not be rung by it any more.
create or replace function private.interaction(p_arguments jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_interaction uuid := private.id_argument(p_arguments, 'interaction_id');
  v_supervisor uuid := case when p_arguments ? 'supervisor_id' then private.id_argument(p_arguments, 'supervisor_id') end;
begin
  return (
    select pg_catalog.jsonb_build_object(
      'interaction', pg_catalog.jsonb_build_object('id', i.id, 'status', i.status, 'interaction_type', i.interaction_type,
        'phone_number', i.phone_number, 'started_at', i.started_at, 'ended_at', i.ended_at,
        'duration_seconds', i.duration_seconds, 'livekit_room_id', i.livekit_room_id, 'agent_name', a.name,
        'username', u.username, 'last_seen_at', p.last_seen_at, 'sentiment', p.sentiment,
        'satisfaction_score', p.satisfaction_score),
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
            select q.requested_at, 1, 'request', q.tool_name || ' ' || q.arguments::text, null, null
            from public.tool_permissions q where q.interaction_id = i.id
            union all
            select q.responded_at, 2, 'decision', q.tool_name || coalesce(': ' || q.reason, ''), coalesce(q.responded_by_name, q.rule), q.status
            from public.tool_permissions q where q.interaction_id = i.id and q.status <> 'pending'
            union all
            select q.executed_at, 3, 'execution', q.tool_name, null,
              case q.execution_succeeded when true then 'succeeded' when false then 'failed' else 'started' end
            from public.tool_permissions q where q.interaction_id = i.id and q.executed_at is not null
          ) everything order by at desc, place desc limit 300
        ) e),
      'tool_permissions', private.permission_cards(array(
        select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status = 'pending'
        order by w.requested_at, w.id limit 50)),
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
    join public.agents a on a.id = i.agent_id
    join public.users u on u.id = i.supervisor_id
    left join public.interaction_pulse p on p.interaction_id = i.id
    left join public.interaction_archives r on r.interaction_id = i.id
    where i.id = v_interaction and (v_supervisor is null or i.supervisor_id = v_supervisor));
end $$;
comment on function private.interaction(jsonb) is
  'One interaction {interaction_id}, as long as it is of {supervisor_id} if that is given, through the reader''s own row-level security. FW422 for what is no id.';

-- Its answer has another type. Only the web process asks, and reads either.
-- squawk-ignore ban-drop-function
drop function private.read_audiences(jsonb);
create function private.read_audiences(p_wanted jsonb)
returns table (shown json, failure text)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_one jsonb;
begin
  if coalesce(pg_catalog.jsonb_typeof(p_wanted), 'null') <> 'array' then
    raise exception 'audiences are a list of {claims, page, arguments}' using errcode = 'FW422';
  end if;
  perform pg_catalog.set_config('role', 'authenticated', true);
  for v_one in select value from pg_catalog.jsonb_array_elements(p_wanted) loop
    shown := null;
    failure := null;
    begin
      perform pg_catalog.set_config('request.jwt.claims', v_one ->> 'claims', true);
      case v_one ->> 'page'
        when 'floor' then shown := private.floor(v_one -> 'arguments');
        when 'wallboard' then shown := private.wallboard(v_one -> 'arguments');
        when 'waiting' then shown := private.waiting(v_one -> 'arguments');
        when 'interaction' then shown := private.interaction(v_one -> 'arguments');
        else failure := 'unknown page';
      end case;
    exception when others then
      failure := sqlerrm;
    end;
    return next;
  end loop;
end $$;
comment on function private.read_audiences(jsonb) is 'What each audience''s page shows, read under its own claims and row-level security. FW422 for what is no list.';
revoke all on function private.read_audiences(jsonb) from public;
grant execute on function private.read_audiences(jsonb) to floorwalker_web;

-- A plan made for these very arrays costs more than what they ask for: record_metrics() took half as long again, a floor
-- with a tool permission twice as long. What is planned once is an index look-up a row, which is right for any of them.
alter function private.record_metrics(uuid[], uuid[], timestamptz[], text[], numeric[], text[])
  set plan_cache_mode = force_generic_plan;
alter function private.floor(jsonb) set plan_cache_mode = force_generic_plan;
