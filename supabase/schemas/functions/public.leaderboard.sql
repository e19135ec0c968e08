create function public.leaderboard(p_period text default 'month'::text, p_time_zone text default 'UTC'::text, p_type text default null::text) returns table(rank bigint, supervisor_id uuid, username text, supervisor_type text, interactions bigint, csat numeric, aht numeric, fcr numeric, csat_part numeric, interactions_part numeric, aht_part numeric, score numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
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
grant execute on function public.leaderboard(text, text, text) to authenticated;
