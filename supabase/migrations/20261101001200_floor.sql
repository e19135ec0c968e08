-- What the live pages show, as one value a page, and the one round trip that reads many audiences at once.

create function private.live_permissions(p_supervisor_ids uuid[], p_limit integer) returns jsonb
language sql stable set search_path = '' as $$
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
    order by t.requested_at, t.id limit p_limit
  ) p
$$;
comment on function private.live_permissions(uuid[], integer) is 'Pending tool permissions, oldest first, with what one needs to decide; of these supervisors or all visible.';

create function private.answered_permissions(p_supervisor_ids uuid[]) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(d) order by d.responded_at desc), '[]')
  from (
    select t.id, t.tool_name, t.status, t.reason, t.responded_by_name, t.responded_at, t.executed_at, a.name as agent_name
    from public.tool_permissions t join public.agents a on a.id = t.agent_id
    where t.status <> 'pending' and t.rule is null
      and t.responded_at > pg_catalog.now() - interval '10 minutes'
      and (p_supervisor_ids is null or t.supervisor_id = any (p_supervisor_ids))
    order by t.responded_at desc limit 5
  ) d
$$;
comment on function private.answered_permissions(uuid[]) is 'The last five tool permissions answered within ten minutes, newest first.';

-- {agents: [… with their interaction or null], tool_permissions: […], answered: […]}
create function private.floor(p_arguments jsonb) returns jsonb
language sql stable set search_path = '' as $$
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
        where a.supervisor_id = (p_arguments ->> 'supervisor_id')::uuid and a.retired_at is null
      ) c),
    'tool_permissions', private.live_permissions(array[(p_arguments ->> 'supervisor_id')::uuid], 50),
    'answered', private.answered_permissions(array[(p_arguments ->> 'supervisor_id')::uuid]))
$$;
comment on function private.floor(jsonb) is 'A supervisor''s floor {supervisor_id}, through the reader''s own row-level security.';

-- {numbers: {…}, supervisors: [24 at most], interactions: [worst first, 60 at most], matching: how many,
-- tool_permissions: […], answered: […]}; filters: type and supervisor (part of the username) for all lists,
-- sentiment and stale for the interactions.
create function private.wallboard(p_arguments jsonb) returns jsonb
language sql stable set search_path = '' as $$
  with live as (
    select p.*, i.started_at, i.phone_number, i.interaction_type, a.name as agent_name, u.username
    from public.interaction_pulse p
    join public.interactions i on i.id = p.interaction_id
    join public.agents a on a.id = p.agent_id
    join public.users u on u.id = p.supervisor_id
  ), chosen as (
    select case when p_arguments ->> 'type' is not null or p_arguments ->> 'supervisor' is not null then array(
      select u.id from public.users u
      where u.supervisor_type = coalesce(p_arguments ->> 'type', u.supervisor_type)
        and pg_catalog.strpos(u.username, pg_catalog.lower(coalesce(p_arguments ->> 'supervisor', ''))) > 0) end as ids
  ), matching as (
    select l.* from live l
    where (p_arguments ->> 'type' is null or l.interaction_type = p_arguments ->> 'type')
      and (p_arguments ->> 'sentiment' is null or l.sentiment = p_arguments ->> 'sentiment')
      and (p_arguments ->> 'supervisor' is null
        or pg_catalog.strpos(l.username, pg_catalog.lower(p_arguments ->> 'supervisor')) > 0)
      and (p_arguments ->> 'stale' is null or l.last_seen_at < pg_catalog.clock_timestamp()
        - pg_catalog.make_interval(secs => private.setting('stale_seconds')))
  )
  select pg_catalog.jsonb_build_object(
    'numbers', pg_catalog.jsonb_build_object(
      'active', (select pg_catalog.count(*) from live),
      'critical', (select pg_catalog.count(*) from live where sentiment = 'critical'),
      'satisfaction', (select pg_catalog.round(pg_catalog.avg(satisfaction_score)) from live),
      'pending', (select pg_catalog.count(*) from public.tool_permissions where status = 'pending'),
      'oldest_pending', (select pg_catalog.min(requested_at) from public.tool_permissions where status = 'pending'),
      'agents', (select coalesce(pg_catalog.jsonb_object_agg(g.status, g.n), '{}') from (
        select status, pg_catalog.count(*) as n from public.agents where retired_at is null group by status) g)),
    'interactions', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(w) order by w.place), '[]') from (
      select pg_catalog.row_number() over (order by
          case l.sentiment when 'critical' then 0 when 'neutral' then 1 when 'good' then 2 else 3 end,
          l.satisfaction_score nulls last, l.started_at, l.interaction_id) as place,
        l.interaction_id as id, l.agent_name, l.username, l.interaction_type, l.started_at, l.phone_number,
        l.last_seen_at, l.sentiment, l.satisfaction_score, l.feed -> 0 as feed
      from matching l order by place limit 60) w),
    'matching', (select pg_catalog.count(*) from matching),
    'supervisors', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(v)), '[]') from (
      select l.username, pg_catalog.count(*) as active,
        pg_catalog.count(*) filter (where l.sentiment = 'critical') as critical
      from live l group by l.username
      order by critical desc, active desc, l.username limit 24) v),
    'tool_permissions', private.live_permissions((select ids from chosen), 60),
    'answered', private.answered_permissions((select ids from chosen)))
$$;
comment on function private.wallboard(jsonb) is 'The whole floor, through the reader''s own row-level security: an admin sees everybody''s.';
grant execute on function private.live_permissions(uuid[], integer), private.answered_permissions(uuid[]),
  private.floor(jsonb), private.wallboard(jsonb) to authenticated;

-- One round trip for all audiences that are due: [{claims, page, arguments}] in, one value each out, in
-- order. Each is read as authenticated under its own claims; one that fails stops no other.
create function private.read_audiences(p_wanted jsonb)
returns table (shown jsonb, failure text)
language plpgsql volatile set search_path = '' as $$
declare
  v_one jsonb;
begin
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
comment on function private.read_audiences(jsonb) is 'What each audience''s page shows, read under its own claims and row-level security.';
grant execute on function private.read_audiences(jsonb) to floorwalker_web;
