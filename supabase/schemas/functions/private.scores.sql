create function private.scores(p_period text, p_time_zone text) returns table(supervisor_id uuid, interactions bigint, csat numeric, aht numeric, fcr numeric, csat_part numeric, interactions_part numeric, aht_part numeric, score numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select s.supervisor_id, s.interactions, s.csat::numeric, s.aht::numeric, s.fcr::numeric, s.csat_part::numeric, s.interactions_part::numeric,
    s.aht_part::numeric, pg_catalog.round(s.hundredths * 0.01, 2)
  from private.scores_between(private.period_start(p_period, p_time_zone), null) s where s.interactions > 0;
end $$;
comment on function private.scores(text, text) is
  'Totals and score of every supervisor with a completed interaction in the period. FW422.';
