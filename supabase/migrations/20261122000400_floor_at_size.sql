-- The live pages of a large floor: the wallboard reads the pulse of everybody once, and details of what it shows only.

alter table public.interaction_pulse add column started_at timestamptz not null default now();
comment on column public.interaction_pulse.started_at is 'Of the interaction: what is as bad as another and older stands before it.';
update public.interaction_pulse p set started_at = i.started_at from public.interactions i where i.id = p.interaction_id;
-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; there are three agents a supervisor
create index agents_working on public.agents (supervisor_id, status) where retired_at is null;
-- squawk-ignore require-concurrent-index-deletion -- as above; agents_working took its place
drop index public.agents_status;

create or replace function private.follow_interaction() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'INSERT' and new.status = 'active' then
    insert into public.interaction_pulse (interaction_id, agent_id, supervisor_id, started_at)
    values (new.id, new.agent_id, new.supervisor_id, new.started_at);
  elsif tg_op = 'UPDATE' and new.status <> 'active' then
    delete from public.interaction_pulse where interaction_id = new.id;
    update public.tool_permissions set status = 'cancelled', responded_at = pg_catalog.clock_timestamp()
    where interaction_id = new.id and status = 'pending';
  end if;
  update public.agents set status = status where id = new.agent_id;
  return null;
end $$;

create function private.id_argument(p_arguments jsonb, p_name text) returns uuid
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (p_arguments ->> p_name)::uuid;
exception when invalid_text_representation then
  raise exception '% is not a uuid', p_name using errcode = 'FW422';
end $$;
comment on function private.id_argument(jsonb, text) is 'An id among a page''s arguments, null when it is missing. FW422 for what is none.';
grant execute on function private.id_argument(jsonb, text) to authenticated;

-- {numbers: {…}, supervisors: [24 at most], interactions: [worst first, 60 at most], matching: how many,
-- tool_permissions: […], answered: […]}; filters: type and supervisor (part of the username) for all lists,
-- sentiment and stale for the interactions.
create or replace function private.wallboard(p_arguments jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_type text := p_arguments ->> 'type';
  v_sentiment text := p_arguments ->> 'sentiment';
  v_supervisor text := pg_catalog.lower(p_arguments ->> 'supervisor');
  v_seen_before timestamptz := case when p_arguments ->> 'stale' is not null then pg_catalog.clock_timestamp()
    - pg_catalog.make_interval(secs => private.setting('stale_seconds')) end;
  v_chosen uuid[];
begin
  if v_type not in ('voice', 'chat') then
    raise exception 'unknown type %: voice or chat', v_type using errcode = 'FW422';
  elsif v_sentiment not in ('good', 'neutral', 'critical') then
    raise exception 'unknown sentiment %: good, neutral or critical', v_sentiment using errcode = 'FW422';
  end if;
  if v_type is not null or v_supervisor is not null then
    v_chosen := array(select u.id from public.users u where u.supervisor_type = coalesce(v_type, u.supervisor_type)
      and pg_catalog.strpos(u.username, coalesce(v_supervisor, '')) > 0);
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
          'id', w.interaction_id, 'agent_name', a.name, 'username', u.username, 'interaction_type', i.interaction_type,
          'started_at', w.started_at, 'phone_number', i.phone_number, 'last_seen_at', w.last_seen_at,
          'sentiment', w.sentiment, 'satisfaction_score', w.satisfaction_score, 'feed', p.feed -> 0) order by w.place), '[]')
        from worst w
        join public.interaction_pulse p on p.interaction_id = w.interaction_id
        join public.interactions i on i.id = w.interaction_id
        join public.agents a on a.id = w.agent_id
        join public.users u on u.id = w.supervisor_id),
      'matching', (select pg_catalog.count(*) from matching),
      'supervisors', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(v) order by v.critical desc, v.active desc, v.username), '[]') from (
        select u.username, t.active, t.critical
        from (select supervisor_id, pg_catalog.count(*) as active, pg_catalog.count(*) filter (where sentiment = 'critical') as critical
              from live group by supervisor_id) t
        join public.users u on u.id = t.supervisor_id
        order by t.critical desc, t.active desc, u.username limit 24) v),
      'tool_permissions', private.live_permissions(v_chosen, 60),
      'answered', private.answered_permissions(v_chosen)));
end $$;
comment on function private.wallboard(jsonb) is 'The whole floor, through the reader''s own row-level security: an admin sees everybody''s. FW422 for an unknown filter.';

-- As they were, but for their arguments.
create or replace function private.live_permissions(p_supervisor_ids uuid[], p_limit integer) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(pg_catalog.jsonb_agg(p.card order by p.requested_at, p.id), '[]')
  from (
    select t.requested_at, t.id, pg_catalog.jsonb_build_object(
      'id', t.id, 'tool_name', t.tool_name, 'tool_description', t.tool_description, 'arguments', t.arguments::text,
      'known_tool', t.known_tool, 'status', t.status, 'requested_at', t.requested_at, 'expires_at', t.expires_at,
      'interaction_id', t.interaction_id, 'agent_name', a.name, 'interaction_type', a.agent_type,
      'phone_number', i.phone_number, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
      'feed', coalesce(p.feed, '[]')) as card
    from public.tool_permissions t
    join public.agents a on a.id = t.agent_id
    join public.interactions i on i.id = t.interaction_id
    left join public.interaction_pulse p on p.interaction_id = t.interaction_id
    where t.status = 'pending' and (p_supervisor_ids is null or t.supervisor_id = any (p_supervisor_ids))
    order by t.requested_at, t.id limit greatest(p_limit, 0)
  ) p
$$;

create or replace function private.floor(p_arguments jsonb) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select pg_catalog.jsonb_build_object(
    'agents', (
      select coalesce(pg_catalog.jsonb_agg(c.card order by c.slot), '[]')
      from (
        select a.slot, pg_catalog.jsonb_build_object(
          'id', a.id, 'name', a.name, 'agent_type', a.agent_type, 'status', a.status, 'paused_at', a.paused_at,
          'interaction', case when i.id is not null then pg_catalog.jsonb_build_object(
            'id', i.id, 'started_at', i.started_at, 'phone_number', i.phone_number, 'last_seen_at', p.last_seen_at,
            'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
            'scores', pg_catalog.to_jsonb(p.scores), 'feed', p.feed) end,
          'last', (select pg_catalog.jsonb_build_object('ended_at', l.ended_at, 'status', l.status, 'csat_score', r.csat_score)
                   from public.interactions l left join public.interaction_archives r on r.interaction_id = l.id
                   where i.id is null and l.agent_id = a.id and l.status <> 'active'
                   order by l.ended_at desc limit 1)) as card
        from public.agents a
        left join public.interactions i on i.agent_id = a.id and i.status = 'active'
        left join public.interaction_pulse p on p.interaction_id = i.id
        where a.supervisor_id = (select private.id_argument(p_arguments, 'supervisor_id')) and a.retired_at is null
      ) c),
    'tool_permissions', private.live_permissions(array[(select private.id_argument(p_arguments, 'supervisor_id'))], 50),
    'answered', private.answered_permissions(array[(select private.id_argument(p_arguments, 'supervisor_id'))]))
$$;
comment on function private.floor(jsonb) is 'A supervisor''s floor {supervisor_id}, through the reader''s own row-level security. FW422 for what is no id.';

create or replace function private.interaction(p_arguments jsonb) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
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
    'tool_permissions', private.live_permissions(array[i.supervisor_id], 50),
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
  where i.id = (select private.id_argument(p_arguments, 'interaction_id'))
$$;
comment on function private.interaction(jsonb) is 'One interaction {interaction_id}, through the reader''s own row-level security. FW422 for what is no id.';

create or replace function private.read_audiences(p_wanted jsonb)
returns table (shown jsonb, failure text)
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
