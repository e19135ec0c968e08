-- What was sent is kept once and replaced by what the sender says is the same; what is shown as now goes by when it was received.

alter table public.interaction_turns
  add column external_id text,
  add column final boolean not null default false,
  add column interrupted boolean not null default false,
  add column late boolean not null default false,
  add column digest bytea,
  -- squawk-ignore constraint-missing-not-valid -- the column is new and empty
  add constraint interaction_turns_external_id_check check (length(external_id) >= 1 and length(external_id) <= 255);
-- What may still be sent again is known; older turns cannot be, since their interaction has ended.
update public.interaction_turns t set digest = pg_catalog.sha256(pg_catalog.convert_to('text ' || t.text, 'UTF8'))
from public.interactions i
where i.id = t.interaction_id and (i.ended_at is null or i.ended_at > pg_catalog.now() - interval '15 minutes');
-- The server of the release before names this constraint.
-- squawk-ignore ban-drop-constraint, constraint-missing-not-valid -- it comes back in the next statement
alter table public.interaction_turns drop constraint interaction_turns_once;
-- squawk-ignore disallowed-unique-constraint, constraint-missing-not-valid -- a migration is one transaction
alter table public.interaction_turns add constraint interaction_turns_once unique (interaction_id, captured_at, speaker, digest);
-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction
create unique index interaction_turns_external on public.interaction_turns (interaction_id, external_id)
    where external_id is not null;
comment on column public.interaction_turns.captured_at is
  'When it was said, by the sender''s clock.';
comment on column public.interaction_turns.external_id is
  'The sender''s own id of it: what comes with the same one replaces it.';
comment on column public.interaction_turns.final is
  'Whether the sender said that it does not grow any more: then only what is final replaces it.';
comment on column public.interaction_turns.interrupted is
  'Whether somebody else began to speak before it was finished.';
comment on column public.interaction_turns.late is
  'Whether it came after the end of the interaction, ten minutes at most.';
comment on column public.interaction_turns.digest is
  'SHA-256 of what makes it another turn beside moment and speaker: its external_id, or else its text.';
comment on constraint interaction_turns_once on public.interaction_turns is
  'the interaction has this turn already';
comment on constraint interaction_turns_external_id_check on public.interaction_turns is
  'external_id has 1 to 255 characters';
comment on index public.interaction_turns_external is
  'the interaction has a turn with this external_id already';
grant select (speaker, digest) on public.interaction_turns to agent_runtime;

alter table public.realtime_metrics add column effective_at timestamptz;
comment on column public.realtime_metrics.effective_at is
  'The moment that it counts for where that is not timestamp: when it was received, of a clock that is ahead or was set.';

alter table public.interaction_pulse add column lag_seconds double precision, add column lag_at timestamptz;
comment on column public.interaction_pulse.captured_at is
  'The newest moment that a metric of it counts for.';
comment on column public.interaction_pulse.lag_seconds is
  'How far the stamp of the last metric that seemed late was behind. What comes again so far behind is of another clock, and not late.';
comment on column public.interaction_pulse.lag_at is
  'When that metric came.';


drop trigger interaction_turns_10_attach on public.interaction_turns;

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
  -- Two senders of one interaction come one after the other, so each finds what the other stored.
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
      -- Where it began it stays: the moment is that of what came first.
      update public.interaction_turns set text = v_turn.text, speaker = v_turn.speaker,
        final = coalesce(v_turn.final, false), interrupted = coalesce(v_turn.interrupted, false)
      where id = v_known.id;
      v_replaced := true;
      return next 'replaced';
    end if;
  end loop;
  if v_replaced then
    update public.interaction_pulse set last_seen_at = pg_catalog.clock_timestamp() where interaction_id = p_interaction_id;
    perform pg_catalog.pg_notify('floor', 'interaction_turns:' || v_supervisor);
  end if;
end $$;
comment on function private.add_turns(uuid, jsonb) is
  'Stores turns [{captured_at, speaker, text, external_id, final, interrupted}] of the agent''s own interaction; stored, replaced or duplicate for each, in order. FW404, FW409, FW422.';
grant execute on function private.add_turns(uuid, jsonb) to agent_runtime;

create or replace function private.attach_turn() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
begin
  -- Whoever moves, ends or deletes the interaction at this moment comes first, and then we know what became of it.
  select * into v_interaction from public.interactions where id = new.interaction_id for key share;
  if v_interaction.id is null or private.is_anothers(v_interaction.agent_id) then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif v_interaction.ended_at < pg_catalog.clock_timestamp() - interval '10 minutes' or v_interaction.anonymised_at is not null then
    raise exception 'the interaction has ended' using errcode = 'FW409';
  end if;
  new.supervisor_id := v_interaction.supervisor_id;
  new.late := v_interaction.status <> 'active';
  new.digest := pg_catalog.sha256(pg_catalog.convert_to(
    case when new.external_id is null then 'text ' || new.text else 'id ' || new.external_id end, 'UTF8'));
  return new;
end $$;
comment on function private.attach_turn() is
  'Trigger: fills supervisor, late and digest; FW409 when the interaction ended more than ten minutes ago, FW404 when there is none.';

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
begin
  -- In the order of their ids, so that two batches never wait for one another crosswise.
  perform from public.interaction_pulse
  where interaction_id in (select interaction_id from inserted) order by interaction_id for no key update;

  -- Some of it is older than what the pulse knows. What is again as far behind as the last one was is of a clock that is slow
  -- or was set, and counts as now: it is received now. Anything else is late.
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
        -- A stamp in whole seconds is not older than what came in the same second.
        or (l.newest = pg_catalog.date_trunc('second', l.newest) and p.captured_at - l.newest between interval '0' and interval '1 s'));
    update public.interaction_pulse p set last_seen_at = v_now, lag_at = v_now,
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
      pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', m.id, 'at', m.at, 'text', m.feed_text) order by m.at desc, m.timestamp desc)
        filter (where m.feed_text <> '') as feed
    from (select i.*, case when i.interaction_id = any (v_other_clock) then v_now else coalesce(i.effective_at, i.timestamp) end as at
          from inserted i where v_late is null or i.interaction_id <> all (v_late)) m
    group by m.interaction_id
  )
  update public.interaction_pulse p set
    last_seen_at = v_now,
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
  -- In everybody's order. An interaction that is being ended keeps its pulse until we are done, or has lost it before
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
  -- A moment that is known already: what is told of it now is added to the row, and where both have a value the later one stays.
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
      update public.interaction_pulse set last_seen_at = v_now where interaction_id = any (v_changed);
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
begin
  update public.interaction_pulse p set
    captured_at = greatest(p.captured_at, n.captured_at), sentiment = coalesce(n.sentiment, p.sentiment),
    satisfaction_score = coalesce(n.scores[pg_catalog.cardinality(n.scores)], p.satisfaction_score),
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

create trigger interaction_turns_10_attach before insert on public.interaction_turns for each row
  execute function private.attach_turn();

-- The lines of a feed have an identity from now on.
select private.retake_pulse(array(select interaction_id from public.interaction_pulse));
