create function private.cleanup_realtime_metrics(p_hours integer default null::integer, p_limit integer default 500) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hours integer := coalesce(p_hours, private.setting('metrics_hours'));
  v_before timestamptz;
  v_doomed uuid[];
  v_count integer;
begin
  if v_hours < 1 or v_hours > 876000 then
    raise exception 'metrics are kept for at least one hour, and at most 876000' using errcode = 'FW422';
  elsif p_limit is null or p_limit < 1 then
    raise exception 'a batch has at least one row' using errcode = 'FW422';
  end if;
  v_before := pg_catalog.now() - pg_catalog.make_interval(hours => v_hours);
  -- The interactions whose rows are oldest, as many as the batch holds, and at least one.
  select pg_catalog.array_agg(c.id) into v_doomed from (
    select n.id, pg_catalog.sum(n.rows) over (order by n.place) - n.rows as earlier from (
      select x.id, x.place, (select pg_catalog.count(*) from (
          select from public.realtime_metrics r where r.interaction_id = x.id limit p_limit) r) as rows
      from (
        select o.id, pg_catalog.min(o.place) as place from (
          select i.id, pg_catalog.row_number() over (order by m.created_at) as place
          from public.realtime_metrics m join public.interactions i on i.id = m.interaction_id
          where m.created_at < v_before and i.ended_at < v_before
          order by m.created_at limit 100) o
        group by o.id) x
    ) n
  ) c where c.earlier < p_limit;
  if v_doomed is null then
    return 0;
  end if;
  -- A very long interaction goes in several batches; its series is made with the first, while it is whole.
  -- Metrics without a score are no points. The last score is kept as it was, and the lowest unless it is of the last point. So is the last sentiment, in a point of its
  -- own when it came without a score or is another than that of the last scores.
  with ended as materialized (
    select i.id, i.started_at, e.sentiment from public.interactions i
    left join public.interaction_archives a on a.interaction_id = i.id
    cross join lateral private.ending(i.id) e
    where i.id = any (v_doomed) and i.anonymised_at is null and coalesce(a.series, i.series) is null
  ), series as (
    select b.interaction_id, coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(b.seconds, b.score, b.sentiment) order by b.seconds, b.bucket)
        filter (where b.bucket is not null), '[]')
      || coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(b.last_seconds, null, b.last_sentiment))
        filter (where b.place = 1 and b.last_sentiment is distinct from b.sentiment), '[]') as points
    from (
      select m.interaction_id, m.bucket, m.last_sentiment, pg_catalog.min(m.seconds) as seconds, pg_catalog.max(pg_catalog.max(m.seconds)) over w as last_seconds,
        case when m.bucket = pg_catalog.max(m.bucket) over w then (pg_catalog.array_agg(m.score order by m.at desc, m.timestamp desc))[1]
          when pg_catalog.min(m.score) = pg_catalog.min(pg_catalog.min(m.score)) over w then pg_catalog.min(m.score)
          else pg_catalog.round(pg_catalog.avg(m.score), 1) end as score,
        case when m.bucket is not null then pg_catalog.mode() within group (order by m.sentiment) end as sentiment,
        pg_catalog.row_number() over (partition by m.interaction_id order by m.bucket desc nulls last) as place
      from (
        select e.id as interaction_id, e.sentiment as last_sentiment, w.at, r.timestamp, extract(epoch from w.at - e.started_at)::integer as seconds,
          r.satisfaction_score as score, r.sentiment,
          case when r.satisfaction_score is not null then pg_catalog.ntile(120) over (
            partition by e.id, r.satisfaction_score is null order by w.at, r.timestamp) end as bucket
        from ended e join public.realtime_metrics r on r.interaction_id = e.id
        cross join lateral (select coalesce(r.effective_at, r.timestamp) as at) w) m
      group by m.interaction_id, m.bucket, m.last_sentiment
      window w as (partition by m.interaction_id)
    ) b group by b.interaction_id
  ), archived as (
    update public.interaction_archives a set series = s.points from series s
    where a.interaction_id = s.interaction_id returning a.interaction_id
  )
  update public.interactions i set series = s.points from series s
  where i.id = s.interaction_id and s.interaction_id not in (select interaction_id from archived);
  delete from public.realtime_metrics where ctid = any (array(
    select ctid from public.realtime_metrics where interaction_id = any (v_doomed) limit p_limit));
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function private.cleanup_realtime_metrics(integer, integer) is
  'Deletes at most p_limit metrics of interactions that ended more than p_hours ago, after keeping 120 points of each; how many. FW422.';
grant execute on function private.cleanup_realtime_metrics(integer, integer) to service_role;
