create function private.ending(p_interaction uuid, out satisfaction numeric, out sentiment text) returns record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    case when k.series is not null then (
      select (p.point ->> 1)::numeric from pg_catalog.jsonb_array_elements(k.series) with ordinality p (point, n)
      where p.point ->> 1 is not null order by p.n desc limit 1)
    else (
      select r.satisfaction_score from public.realtime_metrics r
      where r.interaction_id = p_interaction and r.satisfaction_score is not null
      order by coalesce(r.effective_at, r.timestamp) desc, r.timestamp desc limit 1) end,
    case when k.series is not null then (
      select p.point ->> 2 from pg_catalog.jsonb_array_elements(k.series) with ordinality p (point, n)
      where p.point ->> 2 is not null order by p.n desc limit 1)
    else (
      select r.sentiment from public.realtime_metrics r
      where r.interaction_id = p_interaction and r.sentiment is not null
      order by coalesce(r.effective_at, r.timestamp) desc, r.timestamp desc limit 1) end
  from (
    select coalesce(c.series, i.series) as series
    from public.interactions i left join public.interaction_archives c on c.interaction_id = i.id where i.id = p_interaction) k
$$;
comment on function private.ending(uuid) is
  'Satisfaction and sentiment at the end of an interaction: the last known of each, in the order of the pulse, from its metrics or, once these are deleted, from what is kept of them; null for what was never measured.';
grant execute on function private.ending(uuid) to authenticated;
