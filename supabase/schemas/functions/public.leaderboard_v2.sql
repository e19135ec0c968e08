create function public.leaderboard_v2(p_since timestamptz, p_until timestamptz, p_type text default null, p_first integer default null, p_own uuid default null, p_after integer default 0) returns table(rank bigint, supervisor_id uuid, username text, supervisor_type text, interactions bigint, csat numeric, aht numeric, fcr numeric, csat_part numeric, interactions_part numeric, aht_part numeric, score numeric, place bigint, total bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set max_parallel_workers_per_gather = 0
as $$
begin
  if private.viewer_role() is null then
    raise exception 'only supervisors and admins see the leaderboard' using errcode = 'FW403';
  elsif p_type is not null and p_type not in ('voice', 'chat') then
    raise exception 'unknown type %: voice or chat', p_type using errcode = 'FW422';
  end if;
  perform private.check_range(p_since, p_until);
  perform private.keep_range('supervisor', p_since, p_until);
  return query
  with scored as materialized (
    select s.* from private.scores_between(p_since, p_until) s where p_type is null or s.supervisor_type = p_type
  ), placed as (
    select s.*, pg_catalog.rank() over (order by s.hundredths desc nulls last) as rank,
      pg_catalog.row_number() over (order by s.hundredths desc nulls last, pg_catalog.lower(s.username) collate "C") as place
    from scored s
  )
  select case when l.hundredths is not null then l.rank end, l.supervisor_id, l.username, l.supervisor_type, l.interactions,
    pg_catalog.round(l.csat::numeric, 2), pg_catalog.round(l.aht::numeric, 1), pg_catalog.round(l.fcr::numeric, 1),
    pg_catalog.round(l.csat_part::numeric, 2), pg_catalog.round(l.interactions_part::numeric, 2), pg_catalog.round(l.aht_part::numeric, 2),
    pg_catalog.round(l.hundredths * 0.01, 2), l.place, (select pg_catalog.count(*) from scored)
  from placed l
  where p_first is null or l.place > p_after and l.place <= p_after + p_first or l.supervisor_id = p_own
  order by l.place;
end $$;
comment on function public.leaderboard_v2(timestamptz, timestamptz, text, integer, uuid, integer) is
  'Aggregates of every supervisor from one moment until before another, the same for every caller; no rank without an interaction. With p_first only so many rows after the place p_after, and p_own''s; total is the number of all. FW403, FW422.';
grant execute on function public.leaderboard_v2(timestamptz, timestamptz, text, integer, uuid, integer) to authenticated;
