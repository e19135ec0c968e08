-- Performance: both views, the leaderboard and the specification's score, one definition for every caller.

create view public.supervisor_performance with (security_invoker = true) as
select u.id as supervisor_id, u.name as supervisor_name, u.supervisor_type,
  coalesce(a.total_agents, 0) as total_agents,
  coalesce(i.total_interactions, 0) as total_interactions,
  coalesce(i.active_interactions, 0) as active_interactions,
  i.avg_csat, i.avg_resolution_time, i.fcr_percentage
from public.users u
left join (select supervisor_id, pg_catalog.count(*) as total_agents from public.agents
           where retired_at is null group by supervisor_id) a on a.supervisor_id = u.id
left join (
  select n.supervisor_id,
    pg_catalog.count(*) filter (where n.status = 'completed') as total_interactions,
    pg_catalog.count(*) filter (where n.status = 'active') as active_interactions,
    pg_catalog.avg(r.csat_score) filter (where n.status = 'completed') as avg_csat,
    pg_catalog.avg(r.resolution_time_seconds) filter (where n.status = 'completed') as avg_resolution_time,
    pg_catalog.count(*) filter (where n.status = 'completed' and r.fcr_status)::double precision * 100
      / nullif(pg_catalog.count(r.fcr_status) filter (where n.status = 'completed'), 0) as fcr_percentage
  from public.interactions n left join public.interaction_archives r on r.interaction_id = n.id
  group by n.supervisor_id
) i on i.supervisor_id = u.id
where u.role = 'supervisor';
comment on view public.supervisor_performance is
  'A row a supervisor. All but active_interactions counts completed interactions; FCR divides by those whose FCR is known.';

create view public.agent_performance with (security_invoker = true) as
select a.id as agent_id, a.name as agent_name, a.supervisor_id, a.status,
  pg_catalog.count(i.id) as total_interactions,
  pg_catalog.avg(r.csat_score) as avg_csat,
  pg_catalog.avg(i.duration_seconds) as avg_handle_time,
  pg_catalog.count(*) filter (where r.fcr_status)::double precision * 100
    / nullif(pg_catalog.count(r.fcr_status), 0) as fcr_percentage
from public.agents a
left join public.interactions i on i.agent_id = a.id and i.status = 'completed'
left join public.interaction_archives r on r.interaction_id = i.id
group by a.id, a.name, a.supervisor_id, a.status;
comment on view public.agent_performance is 'A row an agent, over its completed interactions; FCR divides by those whose FCR is known.';

revoke all on public.supervisor_performance, public.agent_performance from anon, authenticated, service_role;
grant select on public.supervisor_performance, public.agent_performance to authenticated, service_role;

create function private.period_start(p_period text, p_time_zone text) returns timestamptz
language plpgsql stable set search_path = '' as $$
begin
  if p_period is null or p_period not in ('today', 'month') then
    raise exception 'unknown period %: today or month', p_period using errcode = 'FW422';
  end if;
  if p_time_zone is null then
    raise exception 'a time zone is needed' using errcode = 'FW422';
  end if;
  return pg_catalog.date_trunc(case p_period when 'today' then 'day' else 'month' end,
    pg_catalog.now() at time zone p_time_zone) at time zone p_time_zone;
exception when invalid_parameter_value then
  raise exception 'unknown time zone %', p_time_zone using errcode = 'FW422';
end $$;
comment on function private.period_start(text, text) is 'Start of today or of this month in a time zone; FW422 for anything else.';

-- 0.5 CSAT + 0.3 interactions + 0.2 AHT (fewer seconds is better), each part 0 to 100, the last two scaled
-- between the lowest and highest of the period; where those are equal the part is 0, as specified.
create function private.scores(p_period text, p_time_zone text)
returns table (supervisor_id uuid, interactions bigint, csat numeric, aht numeric, fcr numeric,
  csat_part numeric, interactions_part numeric, aht_part numeric, score numeric)
language sql stable security definer set search_path = '' as $$
  with totals as (
    select i.supervisor_id as id, pg_catalog.count(*) as n, pg_catalog.avg(r.csat_score) as csat,
      pg_catalog.avg(i.duration_seconds) as aht,
      100.0 * pg_catalog.count(*) filter (where r.fcr_status) / nullif(pg_catalog.count(r.fcr_status), 0) as fcr
    from public.interactions i
    join public.users u on u.id = i.supervisor_id and u.deactivated_at is null
    left join public.interaction_archives r on r.interaction_id = i.id
    where i.status = 'completed' and i.started_at >= private.period_start(p_period, p_time_zone)
    group by i.supervisor_id
  ), bounds as (
    select pg_catalog.max(n) as n_high, pg_catalog.min(n) as n_low,
      pg_catalog.max(aht) as aht_high, pg_catalog.min(aht) as aht_low from totals
  ), parts as (
    select t.*, 0.5 * coalesce(t.csat, 0) as csat_part,
      30 * coalesce((t.n - b.n_low)::numeric / nullif(b.n_high - b.n_low, 0), 0) as interactions_part,
      20 * coalesce(1 - (t.aht - b.aht_low) / nullif(b.aht_high - b.aht_low, 0), 0) as aht_part
    from totals t cross join bounds b
  )
  select id, n, csat, aht, fcr, csat_part, interactions_part, aht_part,
    pg_catalog.round(csat_part + interactions_part + aht_part, 2)
  from parts
$$;
comment on function private.scores(text, text) is 'Totals and score of every supervisor with a completed interaction in the period.';

create function public.leaderboard(p_period text default 'month', p_time_zone text default 'UTC', p_type text default null)
returns table (rank bigint, supervisor_id uuid, username text, supervisor_type text, interactions bigint,
  csat numeric, aht numeric, fcr numeric, csat_part numeric, interactions_part numeric, aht_part numeric, score numeric)
language plpgsql stable security definer set search_path = '' as $$
begin
  if private.viewer_role() is null then
    raise exception 'only supervisors and admins see the leaderboard' using errcode = 'FW403';
  elsif p_type is not null and p_type not in ('voice', 'chat') then
    raise exception 'unknown type %: voice or chat', p_type using errcode = 'FW422';
  end if;
  perform private.period_start(p_period, p_time_zone);
  return query
  select case when s.score is not null then pg_catalog.rank() over (order by s.score desc nulls last) end,
    u.id, u.username, u.supervisor_type, coalesce(s.interactions, 0), pg_catalog.round(s.csat, 2),
    pg_catalog.round(s.aht, 1), pg_catalog.round(s.fcr, 1), pg_catalog.round(s.csat_part, 2),
    pg_catalog.round(s.interactions_part, 2), pg_catalog.round(s.aht_part, 2), s.score
  from public.users u left join private.scores(p_period, p_time_zone) s on s.supervisor_id = u.id
  where u.role = 'supervisor' and u.deactivated_at is null and (p_type is null or u.supervisor_type = p_type)
  order by s.score desc nulls last, pg_catalog.lower(u.username);
end $$;
comment on function public.leaderboard(text, text, text) is
  'Aggregates of every supervisor for today or this month, the same for every caller; no rank without an interaction. FW403, FW422.';

create function public.calculate_performance_score(p_supervisor_id uuid, p_period varchar default 'month') returns numeric
language plpgsql stable security definer set search_path = '' as $$
begin
  if private.viewer_role() is null and pg_catalog.current_setting('role', true) is distinct from 'service_role' then
    raise exception 'only supervisors and admins see scores' using errcode = 'FW403';
  end if;
  perform private.period_start(p_period, 'UTC');
  return (select s.score from private.scores(p_period, 'UTC') s where s.supervisor_id = p_supervisor_id);
end $$;
comment on function public.calculate_performance_score(uuid, varchar) is 'One supervisor''s score 0..100 for today or month (UTC); null without an interaction in it.';
grant execute on function public.leaderboard(text, text, text) to authenticated;
grant execute on function public.calculate_performance_score(uuid, varchar) to authenticated, service_role;
