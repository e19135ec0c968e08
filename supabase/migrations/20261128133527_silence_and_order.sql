-- The server and its pages agree on who is silent, the order of cards has a memory, and a quiet floor shows today.

alter table public.interaction_pulse add column silent_since timestamptz;
alter table public.interaction_pulse add column silent_until timestamptz;
alter table public.interaction_pulse add column critical_until timestamptz;
alter table public.interaction_pulse add column low_until timestamptz;
comment on column public.interaction_pulse.silent_since is
  'Since when nothing has been received, once that is stale_seconds; null while it is heard.';
comment on column public.interaction_pulse.silent_until is
  'When its last silence ended.';
comment on column public.interaction_pulse.critical_until is
  'Infinity while the sentiment is critical and it is heard; then when that ended.';
comment on column public.interaction_pulse.low_until is
  'Infinity while the satisfaction is under critical_below; then when that ended.';

insert into private.settings (name, value) values ('critical_below', 40) on conflict do nothing;

create or replace function private.add_turns(p_interaction_id uuid, p_turns jsonb) returns setof text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_supervisor uuid;
  v_now timestamptz := pg_catalog.clock_timestamp();
  v_turn record;
  v_id bigint;
  v_known public.interaction_turns;
  v_replaced boolean := false;
begin
  if coalesce(pg_catalog.jsonb_typeof(p_turns), 'null') <> 'array' then
    raise exception 'turns are a list' using errcode = 'FW422';
  end if;
  -- Serialises two senders of one interaction, so that each finds what the other stored.
  select supervisor_id into v_supervisor from public.interactions
  where id = p_interaction_id and private.is_own(id) for key share;
  if not found then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('turns of ' || p_interaction_id::text, 0));
  for v_turn in
    select t.*, w.place from pg_catalog.jsonb_array_elements(p_turns) with ordinality as w (value, place)
    cross join lateral pg_catalog.jsonb_to_record(w.value) as t (captured_at timestamptz, speaker text, text text,
      external_id text, final boolean, interrupted boolean)
    order by w.place
  loop
    v_known := null;
    if v_turn.external_id is not null then
      select * into v_known from public.interaction_turns
      where interaction_id = p_interaction_id and external_id = v_turn.external_id;
    end if;
    if v_known.id is null then
      insert into public.interaction_turns (interaction_id, captured_at, speaker, text, external_id, final, interrupted)
      values (p_interaction_id, coalesce(v_turn.captured_at, v_now + v_turn.place * interval '1 microsecond'), v_turn.speaker,
        v_turn.text, v_turn.external_id, coalesce(v_turn.final, false), coalesce(v_turn.interrupted, false))
      on conflict on constraint interaction_turns_once do nothing returning id into v_id;
      return next case when found then 'stored' else 'duplicate' end;
    elsif (v_known.final and not coalesce(v_turn.final, false))
        or (v_known.text, v_known.speaker, v_known.final, v_known.interrupted)
          = (v_turn.text, v_turn.speaker, coalesce(v_turn.final, false), coalesce(v_turn.interrupted, false)) then
      return next 'duplicate';
    else
      -- A turn that grows keeps the moment of its first version.
      update public.interaction_turns set text = v_turn.text, speaker = v_turn.speaker,
        final = coalesce(v_turn.final, false), interrupted = coalesce(v_turn.interrupted, false)
      where id = v_known.id;
      v_replaced := true;
      return next 'replaced';
    end if;
  end loop;
  if v_replaced then
    v_now := pg_catalog.clock_timestamp();  -- no earlier than what was heard while this waited for the lock
    update public.interaction_pulse p set last_seen_at = v_now, silent_since = null,
      silent_until = case when p.silent_since is null then p.silent_until else v_now end
    where p.interaction_id = p_interaction_id;
    perform pg_catalog.pg_notify('floor', 'realtime_metrics:' || v_supervisor)
    from public.interaction_pulse where interaction_id = p_interaction_id and silent_until = v_now;
    perform pg_catalog.pg_notify('floor', 'interaction_turns:' || v_supervisor);
  end if;
end $$;
comment on function private.add_turns(uuid, jsonb) is
  'Stores turns [{captured_at, speaker, text, external_id, final, interrupted}] of the agent''s own interaction; stored, replaced or duplicate for each, in order. FW404, FW409, FW422.';
grant execute on function private.add_turns(uuid, jsonb) to agent_runtime;

-- Planned without scans: with some hundred interactions PostgreSQL read all pulses, three times per metric, to find a few.
create or replace function private.beat_pulse() returns trigger
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

-- Returns json, assembled as text: as jsonb, a tree that is built and written out again, a floor took half as long again. Rows
-- whose version (xmin) the reader knows are left out, and tool permissions are read when one has rung or some are shown. On the
-- whole floor, in one run: p99 1,543 → 85 ms, web processes 1.04 → 0.83 cores, PostgreSQL 0.57 → 0.46.
create or replace function private.floor_v2(p_arguments jsonb) returns json
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
  v_known jsonb := p_arguments -> 'known';
  v_waiting uuid[];
  v_more bigint := 0;
  v_lately uuid[];
  v_pending json;
  v_answered json;
  v_asked_until json;
begin
  if p_arguments -> 'urgent' is distinct from 'false' or v_known ->> 'asked' is distinct from 'nothing' then
    select w.ids, w.more into v_waiting, v_more from private.waiting_in_turn(array[v_supervisor], 50) w;
    v_lately := array(
      select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status <> 'pending'
        and (t.rule is null or t.rule = 'shown') and t.responded_at > pg_catalog.now() - interval '10 minutes'
        order by t.responded_at desc limit 5);
  end if;
  if v_waiting <> '{}' then
    select pg_catalog.json_agg(pg_catalog.row_to_json(c) order by pg_catalog.array_position(v_waiting, c.id)) into v_pending
    from private.tool_permission_cards c where c.id = any (v_waiting);
  end if;
  if v_lately <> '{}' then
    select pg_catalog.json_object_agg(a.agent_id, a.until) into v_asked_until from (
      select t.agent_id, pg_catalog.max(t.responded_at) as until from public.tool_permissions t
      where t.supervisor_id = v_supervisor and t.status <> 'pending' and t.rule is null
        and t.responded_at > pg_catalog.now() - interval '1 minute'
      group by t.agent_id) a;
    select pg_catalog.json_agg(pg_catalog.row_to_json(c) order by c.responded_at desc) into v_answered
    from private.decision_cards c where c.id = any (v_lately);
  end if;
  return pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(
        case when c.row_version = v_known ->> c.id::text then pg_catalog.json_build_object('id', c.id, 'row_version', c.row_version)
        else pg_catalog.row_to_json(c) end order by c.slot), '[]')
      from private.agent_cards c where c.supervisor_id = v_supervisor),
    'tool_permissions', coalesce(v_pending, '[]'),
    'more', v_more,
    'answered', coalesce(v_answered, '[]'),
    'asked_until', coalesce(v_asked_until, '{}'),
    'read_at', pg_catalog.now());
end $$;
comment on function private.floor_v2(jsonb) is
  'A supervisor''s floor {supervisor_id, known: {agent''s id: row_version, asked: nothing}, urgent}, through the reader''s own row-level security; of an agent whose row_version is known only these two, and no tool permissions where it is known that there are none and urgent is false. FW422 for what is no id.';
grant execute on function private.floor_v2(jsonb) to authenticated;

create or replace function private.hear_turns() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();
begin
  update public.interaction_pulse p set last_seen_at = v_now, silent_since = null,
    silent_until = case when p.silent_since is null then p.silent_until else v_now end
  where p.interaction_id in (select interaction_id from inserted);
  -- Turns ring no floor, but the end of a silence does.
  perform pg_catalog.pg_notify('floor', 'realtime_metrics:' || o.supervisor_id) from (
    select distinct p.supervisor_id from public.interaction_pulse p
    where p.interaction_id in (select interaction_id from inserted) and p.silent_until = v_now) o;
  return null;
end $$;
comment on function private.hear_turns() is
  'Statement trigger: turns keep last_seen_at of interaction_pulse, and end a silence.';

-- Reads every pulse, as reaping does: an index on last_seen_at would make each metric write it, because PostgreSQL keeps an update
-- out of the indexes (HOT) only where no indexed column changes. It waits for no lock, so it can take them in any order: a pulse
-- that is locked is being heard, or ends.
create or replace function private.mark_silent() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();
  v_before timestamptz := v_now - pg_catalog.make_interval(secs => private.setting('stale_seconds'));
  v_count integer;
begin
  with quiet as (
    select p.interaction_id from public.interaction_pulse p
    where p.last_seen_at < v_before and p.silent_since is null
    order by p.interaction_id limit 500 for no key update skip locked
  ), marked as (
    update public.interaction_pulse p set silent_since = p.last_seen_at,
      critical_until = case when p.critical_until = 'infinity' then v_now else p.critical_until end
    from quiet q where p.interaction_id = q.interaction_id
    returning p.supervisor_id
  ), rung as (
    select pg_catalog.pg_notify('floor', 'realtime_metrics:' || m.supervisor_id), m.n
    from (select supervisor_id, pg_catalog.count(*) as n from marked group by supervisor_id) m
  )
  select coalesce(pg_catalog.sum(n), 0) into v_count from rung;
  return v_count;
end $$;
comment on function private.mark_silent() is
  'Marks at most 500 active interactions not heard of for stale_seconds as silent, and rings their floors; how many.';
grant execute on function private.mark_silent() to service_role;

-- plan_cache_mode: its arrays mostly have one element, so PostgreSQL took a plan made for each call for cheaper and planned each
-- time. With one plan for all, one metric takes 600 µs instead of 870.
create or replace function private.record_metrics(p_agent_ids uuid[], p_interaction_ids uuid[], p_captured_at timestamp with time zone[], p_sentiments text[], p_scores numeric[], p_feed_texts text[]) returns setof text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();
  v_outcomes text[];
  v_changed uuid[] := '{}';
  v_rows integer := coalesce(pg_catalog.cardinality(p_interaction_ids), 0);
begin
  if (pg_catalog.cardinality(p_agent_ids), pg_catalog.cardinality(p_captured_at), pg_catalog.cardinality(p_sentiments),
      pg_catalog.cardinality(p_scores), pg_catalog.cardinality(p_feed_texts))
     is distinct from (v_rows, v_rows, v_rows, v_rows, v_rows) then
    raise exception 'a metric has one value in each of the arrays' using errcode = 'FW422';
  end if;
  -- In the common lock order. An interaction that is ending keeps its pulse until we are done, or has lost it before
  -- we start; one that is being moved or deleted is waited for.
  perform from public.interactions where id = any (p_interaction_ids) order by id for key share;
  perform from public.interaction_pulse
  where interaction_id = any (p_interaction_ids) order by interaction_id for no key update;
  with sent as materialized (
    select s.*, p.supervisor_id, (s.agent_id is not null and s.interaction_id is not null and pg_catalog.isfinite(s.captured_at)
        and coalesce(s.sentiment in ('good', 'neutral', 'critical'), true) and coalesce(s.score between 0 and 100, true)
        and coalesce(pg_catalog.length(s.feed_text) <= 500, true)) is true as sound
    from rows from (pg_catalog.unnest(p_agent_ids), pg_catalog.unnest(p_interaction_ids),
      pg_catalog.unnest(p_captured_at), pg_catalog.unnest(p_sentiments), pg_catalog.unnest(p_scores),
      pg_catalog.unnest(p_feed_texts)) with ordinality
      as s (agent_id, interaction_id, captured_at, sentiment, score, feed_text, n)
    left join public.interaction_pulse p on p.interaction_id = s.interaction_id and p.agent_id = s.agent_id
  ), stored as (
    insert into public.realtime_metrics as r (interaction_id, supervisor_id, timestamp, sentiment, satisfaction_score, feed_text, effective_at)
    select s.interaction_id, s.supervisor_id, s.captured_at, s.sentiment, s.score, s.feed_text,
      case when s.captured_at > v_now then v_now end
    from sent s where s.sound and s.supervisor_id is not null
    order by s.n
    on conflict on constraint realtime_metrics_once do nothing
    returning r.interaction_id, r.timestamp
  ), winner as (
    select distinct on (x.interaction_id, x.captured_at) x.n
    from sent x join stored y on y.interaction_id = x.interaction_id and y.timestamp = x.captured_at
    where x.sound and x.supervisor_id is not null
    order by x.interaction_id, x.captured_at, x.n
  )
  select pg_catalog.array_agg(case
    when not s.sound then 'invalid'
    when w.n is not null then 'stored'
    when s.supervisor_id is not null then 'duplicate'
    when exists (select from public.interactions i where i.id = s.interaction_id and i.agent_id = s.agent_id) then 'ended'
    else 'unknown' end order by s.n) into v_outcomes
  from sent s left join winner w on w.n = s.n;
  -- A known moment: new values are added to its row, and where both have a value the later one is kept.
  if 'duplicate' = any (v_outcomes) then
    for v_n in 1 .. v_rows loop
      continue when v_outcomes[v_n] <> 'duplicate';
      update public.realtime_metrics r set sentiment = coalesce(p_sentiments[v_n], r.sentiment),
        satisfaction_score = coalesce(p_scores[v_n], r.satisfaction_score), feed_text = coalesce(p_feed_texts[v_n], r.feed_text)
      where r.interaction_id = p_interaction_ids[v_n] and r.timestamp = p_captured_at[v_n]
        and (p_sentiments[v_n] <> coalesce(r.sentiment, '') or p_scores[v_n]::numeric(5,2) is distinct from
          coalesce(r.satisfaction_score, -1) and p_scores[v_n] is not null or p_feed_texts[v_n] is distinct from r.feed_text
          and p_feed_texts[v_n] is not null);
      if found then
        v_outcomes[v_n] := 'merged';
        v_changed := v_changed || p_interaction_ids[v_n];
      end if;
    end loop;
    if v_changed <> '{}' then
      perform private.retake_pulse(v_changed);
      update public.interaction_pulse p set last_seen_at = v_now, silent_since = null,
        silent_until = case when p.silent_since is null then p.silent_until else v_now end
      where p.interaction_id = any (v_changed);
      perform pg_catalog.pg_notify('floor', 'realtime_metrics:' || o.supervisor_id) from (
        select distinct supervisor_id from public.interaction_pulse where interaction_id = any (v_changed)) o;
    end if;
  end if;
  return query select o from pg_catalog.unnest(v_outcomes) with ordinality as u (o, n) order by n;
end $$;
comment on function private.record_metrics(uuid[], uuid[], timestamp with time zone[], text[], numeric[], text[]) is
  'Stores one metric an array index; answers stored, merged, duplicate, ended, unknown or invalid for each, in order. FW422 for arrays of different lengths.';
grant execute on function private.record_metrics(uuid[], uuid[], timestamp with time zone[], text[], numeric[], text[]) to floorwalker_web;

create or replace function private.retake_pulse(p_interaction_ids uuid[]) returns void
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

create or replace function private.sweep(p_step text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_done integer;
begin
  if p_step is null or p_step not in ('expiry', 'reaping', 'performance', 'metrics', 'archives', 'interactions', 'leftovers') then
    raise exception 'unknown step %: expiry, reaping, performance, metrics, archives, interactions or leftovers', p_step
      using errcode = 'FW422';
  end if;
  if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker sweep ' || p_step, 0)) then
    return null;
  end if;
  v_done := case p_step
    when 'expiry' then private.expire_tool_permissions()
    when 'reaping' then private.reap_interactions() + private.end_overlong()
    when 'performance' then private.fold_performance()
    when 'metrics' then private.cleanup_realtime_metrics()
    when 'archives' then public.cleanup_old_archives(private.setting('archive_days'), 50)
    when 'interactions' then private.anonymise_interactions()
    when 'leftovers' then private.cleanup_leftovers() end;
  -- Not a step of its own, so that the last release's server marks them too; not counted, because nothing ends.
  if p_step = 'reaping' then
    perform private.mark_silent();
  end if;
  return v_done;
end $$;
comment on function private.sweep(text) is
  'One batch of one step of the sweeper; how many rows, or null while another process is at it. FW422 for an unknown step.';
grant execute on function private.sweep(text) to floorwalker_web, service_role;

-- Bounded, however long the history is: at most 100 rows of the sums by their key, one person's decisions of one day, and the
-- newest rows by index. The floor asks once when it becomes quiet, and never while it is busy.
create or replace function private.today(p_time_zone text) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_viewer uuid := private.viewer_id();
  v_since timestamptz := private.period_start('today', p_time_zone);
begin
  if private.viewer_role() is distinct from 'supervisor' then
    raise exception 'only a supervisor has a floor' using errcode = 'FW403';
  end if;
  return (
    with parts as materialized (
      select q.starts_at, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
      from pg_catalog.generate_series(v_since, pg_catalog.now(), interval '15 minutes') q (starts_at)
      join private.performance_sums s on s.span = 'quarter' and s.starts_at = q.starts_at and s.key = v_viewer
      union all
      select c.started_at, c.completed, c.handle_seconds, c.rated, c.csat_hundredths, c.fcr_known, c.fcr_true
      from private.performance_changes c where c.supervisor_id = v_viewer and c.started_at >= v_since
    ), answers as materialized (
      select t.id, t.tool_name, t.status, t.agent_id, t.responded_at,
        extract(epoch from t.responded_at - t.requested_at)::double precision as seconds
      from public.tool_permissions t join public.interactions i on i.id = t.interaction_id
      where t.supervisor_id = v_viewer and t.responded_at >= v_since and t.status in ('allowed', 'denied')
        and t.responded_by is not null and not i.is_test
    ), recent as materialized (
      select i.id, i.agent_id, i.ended_at, i.status from public.interactions i
      where i.supervisor_id = v_viewer and i.status <> 'active' and not i.is_test
      order by i.started_at desc limit 20
    )
    select pg_catalog.json_build_object(
      'since', v_since,
      'agents', (select pg_catalog.count(*) from public.agents a where a.supervisor_id = v_viewer and a.retired_at is null),
      'interactions', (select coalesce(pg_catalog.sum(completed), 0) from parts),
      'csat', (select pg_catalog.round(pg_catalog.sum(csat_hundredths) * 0.01 / nullif(pg_catalog.sum(rated), 0), 1) from parts),
      'aht', (select pg_catalog.round(pg_catalog.sum(handle_seconds) / nullif(pg_catalog.sum(completed), 0), 1) from parts),
      'fcr', (select pg_catalog.round(100.0 * pg_catalog.sum(fcr_true) / nullif(pg_catalog.sum(fcr_known), 0), 1) from parts),
      'allowed', (select pg_catalog.count(*) from answers where status = 'allowed'),
      'denied', (select pg_catalog.count(*) from answers where status = 'denied'),
      'typical_seconds', (select pg_catalog.percentile_cont(0.5) within group (order by seconds) from answers),
      'hours', (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
          'hour', pg_catalog.to_char(h.at at time zone p_time_zone, 'HH24:MI'), 'interactions', h.n) order by h.at), '[]') from (
        select g.at, coalesce((select pg_catalog.sum(p.completed) from parts p
          where p.starts_at >= g.at and p.starts_at < g.at + interval '1 hour'), 0) as n
        from pg_catalog.generate_series(v_since, pg_catalog.now(), interval '1 hour') g (at)) h),
      'last', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(l) order by l.ended_at desc), '[]') from (
        select r.id, r.ended_at, r.status, a.name as agent_name, pg_catalog.left(c.summary, 200) as summary, c.csat_score,
          case when pg_catalog.jsonb_array_length(c.issues) > 0 then not exists (
            select from pg_catalog.jsonb_array_elements(c.issues) e where e ->> 'status' is distinct from 'resolved') end as resolved
        from recent r join public.agents a on a.id = r.agent_id
        left join public.interaction_archives c on c.interaction_id = r.id
        order by r.ended_at desc limit 5) l),
      'decisions', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(d) order by d.responded_at desc), '[]') from (
        select s.id, s.tool_name, s.status, s.responded_at, s.seconds, a.name as agent_name
        from answers s join public.agents a on a.id = s.agent_id
        order by s.responded_at desc limit 3) d)));
end $$;
comment on function private.today(text) is
  'What the viewer''s own floor did since midnight in a time zone: sums, interactions by hour, the last five interactions and three decisions. FW403 for all but supervisors, FW422 for an unknown zone.';
grant execute on function private.today(text) to authenticated;

-- Reads every pulse once, and looks up the rest only for the sixty interactions that it shows: 83 ms with 15,000 live ones, where
-- joining first took 320.
create or replace function private.wallboard(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sentiment text := p_arguments ->> 'sentiment';
  v_silent boolean := p_arguments ->> 'stale' is not null;
  v_chosen uuid[] := private.chosen_supervisors(p_arguments);
begin
  if v_sentiment not in ('good', 'neutral', 'critical') then
    raise exception 'unknown sentiment %: good, neutral or critical', v_sentiment using errcode = 'FW422';
  end if;
  return (
    with live as materialized (
      select p.interaction_id, p.agent_id, p.supervisor_id, p.started_at, p.sentiment, p.satisfaction_score, p.is_test,
        p.silent_since is not null as silent, p.low_until = 'infinity' as low
      from public.interaction_pulse p
    ), waits as materialized (
      select t.interaction_id, t.requested_at from public.tool_permissions t where t.status = 'pending' and t.held_until is null
    ), matching as materialized (
      select l.*, case when l.silent then 1 when l.sentiment = 'critical' then 0
          when l.interaction_id in (select interaction_id from waits) then 2 when l.low then 3 else 4 end as urgency,
        case l.sentiment when 'critical' then 0 when 'neutral' then 1 when 'good' then 2 else 3 end as badness
      from live l
      where (v_chosen is null or l.supervisor_id in (select pg_catalog.unnest(v_chosen)))
        and (v_sentiment is null or l.sentiment = v_sentiment)
        and (l.silent or not v_silent)
    ), worst as materialized (
      select m.*, pg_catalog.row_number() over () as place from (
        select * from matching
        order by urgency, badness, satisfaction_score nulls last, started_at, interaction_id limit 60) m
    )
    select pg_catalog.jsonb_build_object(
      'numbers', (select pg_catalog.jsonb_build_object(
        'active', pg_catalog.count(*) filter (where not is_test),
        'critical', pg_catalog.count(*) filter (where sentiment = 'critical' and not silent and not is_test),
        'silent', pg_catalog.count(*) filter (where silent and not is_test),
        'satisfaction', pg_catalog.round(pg_catalog.avg(satisfaction_score) filter (where not silent and not is_test)),
        'agents', (select coalesce(pg_catalog.jsonb_object_agg(g.status, g.n), '{}') from (
          select t.status, pg_catalog.count(*) as n from (
            select case when id in (select agent_id from live where is_test) then 'idle' else status end as status
            from public.agents where retired_at is null and supervisor_id is not null) t group by t.status) g))
        || (select pg_catalog.jsonb_build_object('pending', pg_catalog.count(*) filter (where not w.test),
              'oldest_pending', pg_catalog.min(w.requested_at) filter (where not w.test),
              'pending_tests', pg_catalog.count(*) filter (where w.test))
            from (select requested_at, interaction_id in (select interaction_id from live where is_test) as test
              from waits) w) from live),
      'interactions', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by w.place), '[]')
        from worst w join private.interaction_rows r on r.id = w.interaction_id),
      'matching', (select pg_catalog.count(*) from matching),
      'supervisors', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(v) order by v.critical desc, v.active desc, v.username), '[]') from (
        select u.username, t.active, t.critical
        from (select supervisor_id, pg_catalog.count(*) as active, pg_catalog.count(*) filter (where sentiment = 'critical' and not silent) as critical
              from live where not is_test group by supervisor_id) t
        join public.users u on u.id = t.supervisor_id
        order by t.critical desc, t.active desc, u.username limit 24) v)));
end $$;
comment on function private.wallboard(jsonb) is
  'The whole floor, through the reader''s own row-level security: an admin sees everybody''s. Worst first: critical, silent, with a request that waits, under critical_below, the rest. FW422 for an unknown filter.';
grant execute on function private.wallboard(jsonb) to authenticated;

create or replace view private.interaction_cards with (security_invoker=true) as
 select p.interaction_id as id,
    p.agent_id,
    p.xmin::text as version,
    p.started_at,
    p.phone_number,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.scores,
    p.feed,
    p.grants,
    p.caller,
    p.is_test,
    p.silent_since,
    p.silent_until,
    p.critical_until,
    p.low_until
   from public.interaction_pulse p;
comment on view private.interaction_cards is
  'The active interaction on the card of its agent. The version changes with the row.';
grant select on private.interaction_cards to authenticated;

create or replace view private.interaction_rows with (security_invoker=true) as
 select p.interaction_id as id,
    a.name as agent_name,
    u.username,
    a.agent_type as interaction_type,
    p.started_at,
    p.phone_number,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.feed -> 0 as feed,
    jsonb_array_length(p.grants) as grants,
    p.caller,
    p.is_test,
    p.silent_since
   from public.interaction_pulse p
     join public.agents a on a.id = p.agent_id
     join public.users u on u.id = p.supervisor_id;
comment on view private.interaction_rows is
  'An active interaction on the wallboard, with its newest feed line and the number of its grants.';
grant select on private.interaction_rows to authenticated;
