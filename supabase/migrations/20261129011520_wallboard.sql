-- The wallboard in an order of choice, with what its filters hide, how each supervisor stands, and a third of the work.

-- A definer's, because the policy of agents has an alternative for those without a supervisor, so that it is compared row by row:
-- with 10,200 agents of 3,400 supervisors an admin's count took 60 ms by the policy and takes 3 here (private.wallboard).
create or replace function private.agents_by_status() returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select coalesce(pg_catalog.jsonb_object_agg(g.status, g.n), '{}') from (
    select a.status, pg_catalog.count(*) as n from public.agents a
    where a.supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]) and a.retired_at is null group by a.status) g);
end $$;
comment on function private.agents_by_status() is
  'How many agents of the supervisors whose rows the viewer sees are in use, by status.';
grant execute on function private.agents_by_status() to authenticated;

-- Reads every pulse once, and looks up the rest only for the sixty interactions and the 24 supervisors that it shows. One number
-- per interaction orders them, and the numbers are sums of sums per supervisor.
create or replace function private.wallboard(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_sentiment text := p_arguments ->> 'sentiment';
  v_silent boolean := p_arguments ->> 'stale' is not null;
  v_sort text := coalesce(p_arguments ->> 'sort', 'worst');
  v_chosen uuid[] := private.chosen_supervisors(p_arguments);
  -- As on a floor, who leaves a class keeps the place for half a minute (server/floor/agents.py).
  v_left timestamptz := pg_catalog.now() - interval '30 seconds';
begin
  if v_sentiment not in ('good', 'neutral', 'critical') then
    raise exception 'unknown sentiment %: good, neutral or critical', v_sentiment using errcode = 'FW422';
  elsif v_sort not in ('worst', 'satisfaction', 'longest', 'newest', 'unheard', 'supervisor') then
    raise exception 'unknown order %: worst, satisfaction, longest, newest, unheard or supervisor', v_sort using errcode = 'FW422';
  end if;
  return (
    with waits as materialized (
      select t.interaction_id, t.supervisor_id, t.requested_at from public.tool_permissions t where t.status = 'pending' and t.held_until is null
    ), live as materialized (
      select p.interaction_id, p.agent_id, p.supervisor_id, p.is_test, p.sentiment, p.satisfaction_score::double precision as score, p.started_at,
        p.silent_since is not null as silent,
        (v_sentiment is null or p.sentiment = v_sentiment) and (p.silent_since is not null or not v_silent) as matches,
        case when v_sort in ('worst', 'supervisor') then
            case when p.sentiment = 'critical' and p.silent_since is null then 0 when p.critical_until > v_left then 1000
              when p.silent_since is not null or p.silent_until > v_left then 2000
              when p.interaction_id in (select w.interaction_id from waits w) then 3000 when p.low_until > v_left then 4000 else 5000 end
            + case p.sentiment when 'critical' then 0 when 'neutral' then 200 when 'good' then 400 else 600 end
            + coalesce(p.satisfaction_score::double precision, 101)
          when v_sort = 'satisfaction' then coalesce(p.satisfaction_score::double precision, 101)
          when v_sort = 'longest' then extract(epoch from p.started_at)
          when v_sort = 'newest' then -extract(epoch from p.started_at)
          else extract(epoch from p.last_seen_at)
        end::double precision as rank
      from public.interaction_pulse p
    ), sums as materialized (
      select l.supervisor_id, pg_catalog.count(*) filter (where not l.is_test) as active,
        pg_catalog.count(*) filter (where l.sentiment = 'critical' and not l.silent and not l.is_test) as critical,
        pg_catalog.count(*) filter (where l.silent and not l.is_test) as silent,
        pg_catalog.sum(l.score) filter (where not l.silent and not l.is_test) as scores,
        pg_catalog.count(l.score) filter (where not l.silent and not l.is_test) as scored,
        pg_catalog.count(*) filter (where l.matches) as matching, pg_catalog.count(*) as live
      from live l group by l.supervisor_id
    ), tests as materialized (
      select l.interaction_id, l.agent_id from live l where l.is_test
    ), asking as materialized (
      select w.supervisor_id, pg_catalog.count(*) as waiting from waits w
      where w.interaction_id not in (select t.interaction_id from tests t) group by w.supervisor_id
    ), first as materialized (
      -- The supervisors whose interactions come first, by name, until there are sixty.
      select t.id, t.place from (
        select u.id, pg_catalog.row_number() over by_name as place, pg_catalog.sum(s.matching) over by_name - s.matching as before
        from sums s join public.users u on u.id = s.supervisor_id
        where v_sort = 'supervisor' and s.matching > 0 and (v_chosen is null or s.supervisor_id in (select pg_catalog.unnest(v_chosen)))
        window by_name as (order by u.username)) t
      where t.before < 60
    ), worst as materialized (
      select w.interaction_id, pg_catalog.row_number() over () as place from (
        select l.interaction_id from live l
        where l.matches and (v_chosen is null or l.supervisor_id in (select pg_catalog.unnest(v_chosen)))
          and (v_sort <> 'supervisor' or l.supervisor_id = any (array(select f.id from first f)))
        order by case when v_sort = 'supervisor' then (select f.place from first f where f.id = l.supervisor_id) end,
          l.rank, l.started_at, l.interaction_id limit 60) w
    ), troubled as materialized (
      select supervisor_id as id, coalesce(s.active, 0) as active, coalesce(s.critical, 0) as critical, coalesce(s.silent, 0) as silent,
        coalesce(a.waiting, 0) as waiting
      from sums s full join asking a using (supervisor_id)
      order by coalesce(s.critical, 0) desc, coalesce(a.waiting, 0) desc, coalesce(s.silent, 0) desc, coalesce(s.active, 0) desc, supervisor_id limit 24
    ), strip as materialized (
      select u.username, t.* from troubled t join public.users u on u.id = t.id
      union all (select u.username, u.id, 0, 0, 0, 0 from public.users u
        where (select pg_catalog.count(*) from troubled) < 24 and u.role = 'supervisor' and u.deactivated_at is null
          and u.id not in (select t.id from troubled t) order by u.username limit 24)
      limit 24
    ), theirs as materialized (
      select l.agent_id, case when l.is_test then 'idle' when l.silent then 'silent' else coalesce(l.sentiment, 'unknown') end as state
      from live l where l.supervisor_id = any (array(select s.id from strip s))
    ), standing as materialized (
      select a.supervisor_id, pg_catalog.jsonb_agg(coalesce(t.state, 'idle') order by a.slot) as agents
      from public.agents a left join theirs t on t.agent_id = a.id
      where a.supervisor_id = any (array(select s.id from strip s)) and a.retired_at is null group by a.supervisor_id
    )
    select pg_catalog.jsonb_build_object(
      'numbers', (select pg_catalog.jsonb_build_object(
          'active', coalesce(pg_catalog.sum(s.active), 0), 'critical', coalesce(pg_catalog.sum(s.critical), 0), 'silent', coalesce(pg_catalog.sum(s.silent), 0),
          'satisfaction', pg_catalog.round(pg_catalog.sum(s.scores) / nullif(pg_catalog.sum(s.scored), 0)),
          'agents', (select coalesce(pg_catalog.jsonb_object_agg(g.status, g.n), '{}') from (
            select t.status, pg_catalog.sum(t.n) as n from (
              select key as status, value::bigint as n from pg_catalog.jsonb_each_text(private.agents_by_status())
              union all (select pg_catalog.unnest(array[a.status, 'idle']), pg_catalog.unnest(array[-1, 1]) from public.agents a
                where a.id in (select t.agent_id from tests t) and a.retired_at is null)) t group by t.status) g)) from sums s)
        || (select pg_catalog.jsonb_build_object('pending', pg_catalog.count(*) filter (where not w.test),
              'oldest_pending', pg_catalog.min(w.requested_at) filter (where not w.test),
              'pending_tests', pg_catalog.count(*) filter (where w.test))
            from (select requested_at, interaction_id in (select interaction_id from tests) as test from waits) w),
      'interactions', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by w.place), '[]')
        from worst w join private.interaction_rows r on r.id = w.interaction_id),
      'matching', (select coalesce(pg_catalog.sum(s.matching), 0) from sums s
        where v_chosen is null or s.supervisor_id in (select pg_catalog.unnest(v_chosen))),
      'live', (select coalesce(pg_catalog.sum(s.live), 0) from sums s),
      'filters', pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('type', p_arguments ->> 'type', 'sentiment', v_sentiment,
        'supervisor', p_arguments ->> 'supervisor', 'stale', p_arguments ->> 'stale', 'sort', p_arguments ->> 'sort')),
      'supervisors', (select coalesce(pg_catalog.jsonb_agg(
          pg_catalog.to_jsonb(s) - 'id' || pg_catalog.jsonb_build_object('agents', coalesce(n.agents, '[]')) order by s.critical + s.waiting + s.silent = 0, s.active = 0, s.username), '[]')
        from strip s left join standing n on n.supervisor_id = s.id)));
end $$;
comment on function private.wallboard(jsonb) is
  'The whole floor, through the reader''s own row-level security: an admin sees everybody''s. In the order that sort names; else worst first: critical, silent, with a request that waits, under critical_below, the rest. Filters hide interactions alone; live counts all of them. FW422 for an unknown filter or order.';
grant execute on function private.wallboard(jsonb) to authenticated;

create or replace view private.interaction_rows with (security_invoker=true) as
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
    jsonb_array_length(p.grants) as grants,
    p.caller,
    p.is_test,
    p.silent_since,
    array(select s.score from unnest(p.scores) with ordinality s(score, n)
      where (cardinality(p.scores) - s.n) % 3 = 0 order by s.n) as scores
   from public.interaction_pulse p
     join public.agents a on a.id = p.agent_id
     join public.users u on u.id = p.supervisor_id;
comment on view private.interaction_rows is
  'An active interaction on the wallboard, with its newest feed line, the number of its grants, and each third of its last scores.';
grant select on private.interaction_rows to authenticated;
