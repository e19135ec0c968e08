create function private.beat_pulse() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_late boolean;
begin
  -- In the order of their ids, so that two batches never wait for one another crosswise.
  perform from public.interaction_pulse
  where interaction_id in (select interaction_id from inserted) order by interaction_id for no key update;
  select pg_catalog.bool_or(m.timestamp < p.captured_at) into v_late
  from inserted m join public.interaction_pulse p on p.interaction_id = m.interaction_id;

  -- Some of it is older than what the pulse knows: take those from the table again.
  if v_late then
    update public.interaction_pulse p set
      last_seen_at = pg_catalog.clock_timestamp(),
      captured_at = greatest(p.captured_at, a.last_at),
      sentiment = coalesce((select m.sentiment from public.realtime_metrics m
        where m.interaction_id = p.interaction_id and m.sentiment is not null order by m.timestamp desc limit 1), p.sentiment),
      satisfaction_score = coalesce((select m.satisfaction_score from public.realtime_metrics m
        where m.interaction_id = p.interaction_id and m.satisfaction_score is not null order by m.timestamp desc limit 1), p.satisfaction_score),
      scores = array(select s.satisfaction_score from (select m.timestamp, m.satisfaction_score from public.realtime_metrics m
        where m.interaction_id = p.interaction_id and m.satisfaction_score is not null order by m.timestamp desc limit 60) s order by s.timestamp),
      feed = coalesce((select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('at', f.timestamp, 'text', f.feed_text) order by f.timestamp desc)
        from (select m.timestamp, m.feed_text from public.realtime_metrics m
          where m.interaction_id = p.interaction_id and m.feed_text <> '' order by m.timestamp desc limit 3) f), '[]')
    from (select m.interaction_id, pg_catalog.min(m.timestamp) as first_at, pg_catalog.max(m.timestamp) as last_at
          from inserted m group by m.interaction_id) a
    where p.interaction_id = a.interaction_id and a.first_at < p.captured_at;
  end if;

  with arrived as (
    select m.interaction_id, pg_catalog.min(m.timestamp) as first_at, pg_catalog.max(m.timestamp) as last_at,
      pg_catalog.array_agg(m.satisfaction_score order by m.timestamp) filter (where m.satisfaction_score is not null) as scores,
      (pg_catalog.array_agg(m.sentiment order by m.timestamp desc) filter (where m.sentiment is not null))[1] as sentiment,
      pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('at', m.timestamp, 'text', m.feed_text) order by m.timestamp desc)
        filter (where m.feed_text <> '') as feed
    from inserted m group by m.interaction_id
  )
  update public.interaction_pulse p set
    last_seen_at = pg_catalog.clock_timestamp(),
    captured_at = a.last_at,
    sentiment = coalesce(a.sentiment, p.sentiment),
    satisfaction_score = coalesce(a.scores[pg_catalog.cardinality(a.scores)], p.satisfaction_score),
    scores = (p.scores || coalesce(a.scores, '{}'))
      [greatest(1, pg_catalog.cardinality(p.scores) + coalesce(pg_catalog.cardinality(a.scores), 0) - 59):],
    feed = pg_catalog.jsonb_path_query_array(coalesce(a.feed, '[]') || p.feed, '$[0 to 2]')
  from arrived a
  where p.interaction_id = a.interaction_id and (p.captured_at is null or a.first_at > p.captured_at);
  return null;
end $$;
comment on function private.beat_pulse() is
  'Statement trigger: brings interaction_pulse up to date from the metrics just inserted.';
