-- What waits for a decision is read by itself: on the wallboard it comes at once and often, and everything else there
-- is everybody's interactions, which take a hundred times as long to read.

create function private.chosen_supervisors(p_arguments jsonb) returns uuid[]
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_type text := p_arguments ->> 'type';
  v_supervisor text := pg_catalog.lower(p_arguments ->> 'supervisor');
begin
  if v_type not in ('voice', 'chat') then
    raise exception 'unknown type %: voice or chat', v_type using errcode = 'FW422';
  elsif v_type is null and v_supervisor is null then
    return null;
  end if;
  return array(select u.id from public.users u where u.supervisor_type = coalesce(v_type, u.supervisor_type)
    and pg_catalog.strpos(u.username, coalesce(v_supervisor, '')) > 0);
end $$;
comment on function private.chosen_supervisors(jsonb) is
  'Those that the filters type and supervisor (part of the username) leave; null for all. FW422 for an unknown type.';
grant execute on function private.chosen_supervisors(jsonb) to authenticated;

create function private.waiting(p_arguments jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_chosen uuid[] := private.chosen_supervisors(p_arguments);
begin
  return pg_catalog.jsonb_build_object(
    'tool_permissions', private.live_permissions(v_chosen, 60),
    'answered', private.answered_permissions(v_chosen));
end $$;
comment on function private.waiting(jsonb) is
  'What waits for a decision on the whole floor and what was answered lately, through the reader''s own row-level security. FW422.';
grant execute on function private.waiting(jsonb) to authenticated;

-- {numbers: {…}, supervisors: [24 at most], interactions: [worst first, 60 at most], matching: how many}; filters: type
-- and supervisor for all lists, sentiment and stale for the interactions.
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
        order by t.critical desc, t.active desc, u.username limit 24) v)));
end $$;
comment on function private.wallboard(jsonb) is 'The whole floor, through the reader''s own row-level security: an admin sees everybody''s. FW422 for an unknown filter.';

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
