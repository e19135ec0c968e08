-- A floor is read for nearly every metric: it is put together as the text that it leaves as (json), where jsonb was a
-- tree that was built, taken apart and written out; and whose rows a person sees is asked with one call less a table.

create or replace function private.visible_supervisors() returns setof uuid
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
    return query select u.id from public.users u where u.role = 'supervisor';
  elsif v_role = 'supervisor' then
    return next v_viewer;
  end if;
end $$;

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
        'pending', (select pg_catalog.count(*) from public.tool_permissions where status = 'pending'),
        'oldest_pending', (select pg_catalog.min(requested_at) from public.tool_permissions where status = 'pending'),
        'agents', (select coalesce(pg_catalog.jsonb_object_agg(g.status, g.n), '{}') from (
          select status, pg_catalog.count(*) as n from public.agents where retired_at is null group by status) g)) from live),
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
