create function private.retake_pulse(p_interaction_ids uuid[]) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();
  v_low integer := private.setting('critical_below');
begin
  update public.interaction_pulse p set
    captured_at = greatest(p.captured_at, n.captured_at), sentiment = coalesce(n.sentiment, p.sentiment),
    satisfaction_score = coalesce(n.scores[pg_catalog.cardinality(n.scores)], p.satisfaction_score),
    critical_until = case when coalesce(n.sentiment, p.sentiment) = 'critical' then 'infinity'
      when p.critical_until = 'infinity' then v_now else p.critical_until end,
    critical_since = case when coalesce(n.sentiment, p.sentiment) is distinct from 'critical' then p.critical_since
      when p.critical_until > v_now - interval '1 minute' then coalesce(p.critical_since, v_now) else v_now end,
    low_until = case when coalesce(n.scores[pg_catalog.cardinality(n.scores)], p.satisfaction_score) < v_low then 'infinity'
      when p.low_until = 'infinity' then v_now else p.low_until end,
    scores = coalesce(n.scores, '{}'), feed = coalesce(n.feed, '[]')
  from (
    select m.interaction_id, pg_catalog.max(m.at) as captured_at,
      (pg_catalog.array_agg(m.sentiment order by m.at desc, m.timestamp desc) filter (where m.sentiment is not null))[1] as sentiment,
      (pg_catalog.array_agg(m.satisfaction_score order by m.at, m.timestamp) filter (where m.score_place <= 60)) as scores,
      pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', m.id, 'at', m.at, 'text', m.feed_text) order by m.at desc, m.timestamp desc)
        filter (where m.feed_place <= 3) as feed
    from (
      select r.*, w.at,
        case when r.satisfaction_score is not null then pg_catalog.row_number() over (
          partition by r.interaction_id, r.satisfaction_score is null order by w.at desc, r.timestamp desc) end as score_place,
        case when r.feed_text <> '' then pg_catalog.row_number() over (
          partition by r.interaction_id, coalesce(r.feed_text, '') = '' order by w.at desc, r.timestamp desc) end as feed_place
      from public.realtime_metrics r cross join lateral (select coalesce(r.effective_at, r.timestamp) as at) w
      where r.interaction_id = any (p_interaction_ids)) m
    group by m.interaction_id) n
  where p.interaction_id = n.interaction_id;
end $$;
comment on function private.retake_pulse(uuid[]) is
  'Brings the pulse of these interactions up to date from all of their metrics.';
