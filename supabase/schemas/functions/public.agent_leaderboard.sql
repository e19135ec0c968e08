-- In double precision, and ordered by hundredths rounded half up, as private.scores_between: with numeric 10,000 agents took a quarter longer.
create function public.agent_leaderboard(p_since timestamptz, p_until timestamptz, p_type text default null, p_supervisor_id uuid default null, p_measure text default 'csat', p_first integer default null, p_after integer default 0) returns table(rank bigint, agent_id uuid, agent_name text, supervisor_id uuid, username text, agent_type text, retired boolean, interactions bigint, csat numeric, aht numeric, fcr numeric, place bigint, total bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_visible uuid[] := private.visible_supervisor_ids();
begin
  if private.viewer_role() is null then
    raise exception 'only supervisors and admins see the leaderboard' using errcode = 'FW403';
  elsif p_type is not null and p_type not in ('voice', 'chat') then
    raise exception 'unknown type %: voice or chat', p_type using errcode = 'FW422';
  elsif p_measure is null or p_measure not in ('csat', 'interactions', 'aht', 'fcr') then
    raise exception 'unknown measure %: csat, interactions, aht or fcr', p_measure using errcode = 'FW422';
  end if;
  perform private.check_range(p_since, p_until);
  perform private.keep_range('agent', p_since, p_until);
  return query
  with measured as (
    select a.id, a.name, a.supervisor_id as owner, u.username, a.agent_type, a.retired_at is not null as retired, s.completed,
      s.csat_hundredths / nullif(100.0::double precision * s.rated, 0) as csat, s.handle_seconds::double precision / nullif(s.completed, 0) as aht,
      100.0::double precision * s.fcr_true / nullif(s.fcr_known, 0) as fcr
    from public.agents a join public.users u on u.id = a.supervisor_id
    left join private.performance_of('agent', p_since, p_until) s on s.key = a.id
    where a.supervisor_id = any (v_visible) and u.deactivated_at is null and (p_supervisor_id is null or a.supervisor_id = p_supervisor_id)
      and (p_type is null or a.agent_type = p_type) and (a.retired_at is null or s.completed > 0)
  ), ordered as (
    select m.*, pg_catalog.floor(100 * case p_measure when 'csat' then m.csat when 'interactions' then nullif(m.completed, 0)
      when 'aht' then m.aht else m.fcr end + 0.500000001::double precision)::bigint * case p_measure when 'aht' then -1 else 1 end as by
    from measured m
  ), placed as (
    select o.*, pg_catalog.rank() over (order by o.by desc nulls last) as nth,
      pg_catalog.row_number() over (order by o.by desc nulls last, coalesce(o.completed, 0) desc,
        o.name collate "C", o.id) as place, pg_catalog.count(*) over () as number
    from ordered o
  )
  select case when p.by is not null then p.nth end, p.id, p.name, p.owner, p.username, p.agent_type, p.retired, coalesce(p.completed, 0),
    pg_catalog.round(p.csat::numeric, 2), pg_catalog.round(p.aht::numeric, 1), pg_catalog.round(p.fcr::numeric, 1), p.place, p.number
  from placed p where p_first is null or p.place > p_after and p.place <= p_after + p_first order by p.place;
end $$;
comment on function public.agent_leaderboard(timestamptz, timestamptz, text, uuid, text, integer, integer) is
  'Aggregates of the agents that the viewer may see from one moment until before another, ordered by csat, interactions, aht (the shortest first) or fcr; no rank without one. FW403, FW422.';
grant execute on function public.agent_leaderboard(timestamptz, timestamptz, text, uuid, text, integer, integer) to authenticated;
