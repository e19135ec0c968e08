-- Planned without scans: with some hundred interactions PostgreSQL read all pulses, three times per metric, to find a few.
create function private.beat_pulse() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();
  v_late uuid[];
  v_other_clock uuid[] := '{}';
  v_low integer := private.setting('critical_below');
begin
  -- In the order of their ids, so that two batches cannot deadlock.
  perform from public.interaction_pulse
  where interaction_id in (select interaction_id from inserted) order by interaction_id for no key update;

  -- Some metrics are older than the pulse. One that is as far behind as the last one comes from a clock that is slow
  -- or was set, and counts as now, when it is received. Any other one is late.
  select pg_catalog.array_agg(distinct m.interaction_id) into v_late
  from inserted m join public.interaction_pulse p on p.interaction_id = m.interaction_id
  where coalesce(m.effective_at, m.timestamp) <= p.captured_at;
  if v_late is not null then
    v_other_clock := array(
      select p.interaction_id from public.interaction_pulse p
      join (select m.interaction_id, pg_catalog.max(m.timestamp) as newest
            from inserted m where m.interaction_id = any (v_late) group by m.interaction_id) l on l.interaction_id = p.interaction_id
      where (pg_catalog.abs(extract(epoch from v_now - l.newest) - p.lag_seconds) <= 2
          and v_now - p.lag_at between interval '0.5 s' and interval '2 minutes')
        -- A stamp in whole seconds is not older than one of the same second.
        or (l.newest = pg_catalog.date_trunc('second', l.newest) and p.captured_at - l.newest between interval '0' and interval '1 s'));
    update public.interaction_pulse p set last_seen_at = v_now, lag_at = v_now,
      silent_since = null,
      silent_until = case when p.silent_since is null then p.silent_until else v_now end,
      lag_seconds = (select extract(epoch from v_now - pg_catalog.max(m.timestamp)) from inserted m where m.interaction_id = p.interaction_id)
    where p.interaction_id = any (v_late);
    update public.realtime_metrics r set effective_at = v_now
    from inserted m where m.interaction_id = any (v_other_clock) and r.id = m.id;
    v_late := array(select pg_catalog.unnest(v_late) except select pg_catalog.unnest(v_other_clock));
    perform private.retake_pulse(v_late);
  end if;

  with arrived as (
    select m.interaction_id, pg_catalog.max(m.at) as last_at,
      pg_catalog.array_agg(m.satisfaction_score order by m.at, m.timestamp) filter (where m.satisfaction_score is not null) as scores,
      (pg_catalog.array_agg(m.sentiment order by m.at desc, m.timestamp desc) filter (where m.sentiment is not null))[1] as sentiment,
      pg_catalog.bool_or(m.sentiment = 'critical') as was_critical, pg_catalog.min(m.satisfaction_score) as lowest,
      pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', m.id, 'at', m.at, 'text', m.feed_text) order by m.at desc, m.timestamp desc)
        filter (where m.feed_text <> '') as feed
    from (select i.*, case when i.interaction_id = any (v_other_clock) then v_now else coalesce(i.effective_at, i.timestamp) end as at
          from inserted i where v_late is null or i.interaction_id <> all (v_late)) m
    group by m.interaction_id
  )
  update public.interaction_pulse p set
    last_seen_at = v_now,
    silent_since = null,
    silent_until = case when p.silent_since is null then p.silent_until else v_now end,
    critical_until = case when coalesce(a.sentiment, p.sentiment) = 'critical' then 'infinity'
      when a.was_critical or p.critical_until = 'infinity' then v_now else p.critical_until end,
    -- Critical again within a minute is the same time of being critical: a person is called once for it.
    critical_since = case when coalesce(a.sentiment, p.sentiment) is distinct from 'critical' then p.critical_since
      when p.critical_until > v_now - interval '1 minute' then coalesce(p.critical_since, v_now) else v_now end,
    low_until = case when coalesce(a.scores[pg_catalog.cardinality(a.scores)], p.satisfaction_score) < v_low then 'infinity'
      when a.lowest < v_low or p.low_until = 'infinity' then v_now else p.low_until end,
    captured_at = a.last_at,
    sentiment = coalesce(a.sentiment, p.sentiment),
    satisfaction_score = coalesce(a.scores[pg_catalog.cardinality(a.scores)], p.satisfaction_score),
    scores = (p.scores || coalesce(a.scores, '{}'))
      [greatest(1, pg_catalog.cardinality(p.scores) + coalesce(pg_catalog.cardinality(a.scores), 0) - 59):],
    feed = pg_catalog.jsonb_path_query_array(coalesce(a.feed, '[]') || p.feed, '$[0 to 2]')
  from arrived a
  where p.interaction_id = a.interaction_id;
  return null;
end $$;
comment on function private.beat_pulse() is
  'Statement trigger: brings interaction_pulse up to date from the metrics just inserted.';
