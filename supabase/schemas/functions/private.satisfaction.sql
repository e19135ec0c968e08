create function private.satisfaction(p_interaction uuid) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- What is kept comes first: it is whole, while the metrics of a long interaction are deleted in several batches.
  select case when coalesce(c.series, i.series) is not null then (
      select coalesce(pg_catalog.jsonb_agg(p.point order by p.n), '[]')
      from pg_catalog.jsonb_array_elements(coalesce(c.series, i.series)) with ordinality p (point, n)
      where p.point ->> 1 is not null)
    else (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
        extract(epoch from m.at - i.started_at)::integer, m.satisfaction_score, m.sentiment) order by m.at, m.timestamp), '[]')
      from (select r.timestamp, coalesce(r.effective_at, r.timestamp) as at, r.satisfaction_score, r.sentiment
            from public.realtime_metrics r
            where r.interaction_id = i.id and r.satisfaction_score is not null order by r.timestamp desc limit 720) m) end
  from public.interactions i left join public.interaction_archives c on c.interaction_id = i.id where i.id = p_interaction
$$;
comment on function private.satisfaction(uuid) is
  'Satisfaction during an interaction: [[seconds since the start, 0 to 100, sentiment], …], the last 720, or what is kept of them.';
grant execute on function private.satisfaction(uuid) to authenticated;
