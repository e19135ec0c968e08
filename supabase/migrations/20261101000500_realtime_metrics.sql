-- Realtime metrics (a row about every 5 s of an active interaction) and the live transcript's turns.

create table public.realtime_metrics (
  id bigint generated always as identity primary key,
  interaction_id uuid not null,
  supervisor_id uuid not null,
  timestamp timestamptz not null default pg_catalog.clock_timestamp(),
  sentiment text check (sentiment in ('good', 'neutral', 'critical')),
  satisfaction_score numeric(5, 2) check (satisfaction_score between 0 and 100),
  feed_text text check (pg_catalog.length(feed_text) <= 500),
  created_at timestamptz not null default pg_catalog.now(),
  constraint realtime_metrics_once unique (interaction_id, timestamp),
  constraint realtime_metrics_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions (id, supervisor_id) on update cascade on delete cascade
);
comment on table public.realtime_metrics is 'Sentiment, satisfaction (0-100) and a feed line of an interaction at a moment. Kept while it is active and some hours after.';
comment on column public.realtime_metrics.timestamp is 'When it was captured, by the agent''s clock (captured_at in the API); one row a moment.';
create index realtime_metrics_created on public.realtime_metrics (created_at);
create index realtime_metrics_owner on public.realtime_metrics (interaction_id, supervisor_id);

create table public.interaction_turns (
  id bigint generated always as identity primary key,
  interaction_id uuid not null,
  supervisor_id uuid not null,
  captured_at timestamptz not null default pg_catalog.clock_timestamp(),
  speaker text not null check (speaker in ('customer', 'agent', 'tool')),
  text text not null check (pg_catalog.length(text) <= 4000),
  created_at timestamptz not null default pg_catalog.now(),
  constraint interaction_turns_once unique (interaction_id, captured_at),
  constraint interaction_turns_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions (id, supervisor_id) on update cascade on delete cascade
);
comment on table public.interaction_turns is 'The live transcript: who said what. Goes with the archive.';
create index interaction_turns_owner on public.interaction_turns (interaction_id, supervisor_id);

revoke all on public.realtime_metrics, public.interaction_turns from anon, authenticated, service_role;
revoke all on sequence public.realtime_metrics_id_seq, public.interaction_turns_id_seq from anon, authenticated, service_role;
grant select on public.realtime_metrics, public.interaction_turns to authenticated, service_role;
grant insert on public.realtime_metrics, public.interaction_turns to service_role;
grant select (interaction_id, captured_at) on public.interaction_turns to agent_runtime;
grant insert (interaction_id, captured_at, speaker, text) on public.interaction_turns to agent_runtime;
alter table public.realtime_metrics enable row level security;
alter table public.interaction_turns enable row level security;
create policy realtime_metrics_visible on public.realtime_metrics for select to authenticated
  using (supervisor_id = any (array(select private.visible_supervisors())));
create policy interaction_turns_visible on public.interaction_turns for select to authenticated
  using (supervisor_id = any (array(select private.visible_supervisors())));
create policy interaction_turns_of_agent on public.interaction_turns for select to agent_runtime
  using (interaction_id in (select i.id from public.interactions i where i.agent_id = (select private.current_agent())));
create policy interaction_turns_by_agent on public.interaction_turns for insert to agent_runtime
  with check (interaction_id in (select i.id from public.interactions i where i.agent_id = (select private.current_agent())));

create function private.attach_to_active() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  select supervisor_id into new.supervisor_id from public.interaction_pulse where interaction_id = new.interaction_id;
  if new.supervisor_id is null then
    if exists (select from public.interactions where id = new.interaction_id) then
      raise exception 'the interaction has ended' using errcode = 'FW409';
    end if;
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  return new;
end $$;
comment on function private.attach_to_active() is 'Trigger: fills the supervisor; FW409 when the interaction has ended, FW404 when there is none.';
create trigger realtime_metrics_10_attach before insert on public.realtime_metrics
  for each row execute function private.attach_to_active();
create trigger interaction_turns_10_attach before insert on public.interaction_turns
  for each row execute function private.attach_to_active();

create function private.beat_pulse() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  -- In the order of their ids, so that two batches never wait for one another crosswise.
  perform from public.interaction_pulse
  where interaction_id in (select interaction_id from inserted) order by interaction_id for no key update;

  -- Some of it may be older than what the pulse knows: take those from the table again.
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
comment on function private.beat_pulse() is 'Statement trigger: brings interaction_pulse up to date from the metrics just inserted.';
create trigger realtime_metrics_20_pulse after insert on public.realtime_metrics
  referencing new table as inserted for each statement execute function private.beat_pulse();
-- What is said is a sign of life, like what is measured.
create function private.hear_turns() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  update public.interaction_pulse set last_seen_at = pg_catalog.clock_timestamp()
  where interaction_id in (select interaction_id from inserted);
  return null;
end $$;
comment on function private.hear_turns() is 'Statement trigger: turns keep last_seen_at of interaction_pulse.';
create trigger interaction_turns_20_pulse after insert on public.interaction_turns
  referencing new table as inserted for each statement execute function private.hear_turns();
create trigger realtime_metrics_60_ring_insert after insert on public.realtime_metrics
  referencing new table as inserted for each statement execute function private.ring();
create trigger interaction_turns_60_ring_insert after insert on public.interaction_turns
  referencing new table as inserted for each statement execute function private.ring();

-- Many agents' metrics in one statement and one commit. Row by row: stored, duplicate (known already), ended
-- or unknown; one row's fate never touches another's.
create function private.record_metrics(
  p_agent_ids uuid[], p_interaction_ids uuid[], p_captured_at timestamptz[],
  p_sentiments text[], p_scores numeric[], p_feed_texts text[]
) returns setof text
language plpgsql security definer set search_path = '' as $$
begin
  -- An interaction that is being ended keeps its pulse until we are done, or has lost it before we start.
  perform from public.interaction_pulse
  where interaction_id = any (p_interaction_ids) order by interaction_id for no key update;
  return query
  with sent as (
    select * from rows from (pg_catalog.unnest(p_agent_ids), pg_catalog.unnest(p_interaction_ids),
      pg_catalog.unnest(p_captured_at), pg_catalog.unnest(p_sentiments), pg_catalog.unnest(p_scores),
      pg_catalog.unnest(p_feed_texts)) with ordinality
      as s (agent_id, interaction_id, captured_at, sentiment, score, feed_text, n)
  ), stored as (
    insert into public.realtime_metrics as r (interaction_id, timestamp, sentiment, satisfaction_score, feed_text)
    select s.interaction_id, s.captured_at, s.sentiment, s.score, s.feed_text
    from sent s join public.interaction_pulse p on p.interaction_id = s.interaction_id and p.agent_id = s.agent_id
    order by s.n
    on conflict on constraint realtime_metrics_once do nothing
    returning r.interaction_id, r.timestamp
  )
  select case
    when t.interaction_id is not null then 'stored'
    when p.interaction_id is not null then 'duplicate'
    when i.id is not null then 'ended'
    else 'unknown' end
  from sent s
  left join (select distinct on (x.interaction_id, x.captured_at) x.interaction_id, x.captured_at, x.n
             from sent x join public.interaction_pulse o on o.interaction_id = x.interaction_id and o.agent_id = x.agent_id
             join stored y on y.interaction_id = x.interaction_id and y.timestamp = x.captured_at
             order by x.interaction_id, x.captured_at, x.n) t on t.n = s.n
  left join public.interaction_pulse p on p.interaction_id = s.interaction_id and p.agent_id = s.agent_id
  left join public.interactions i on i.id = s.interaction_id and i.agent_id = s.agent_id
  order by s.n;
end $$;
comment on function private.record_metrics(uuid[], uuid[], timestamptz[], text[], numeric[], text[]) is
  'Stores one metric an array index; answers stored, duplicate, ended or unknown for each, in order.';
grant execute on function private.record_metrics(uuid[], uuid[], timestamptz[], text[], numeric[], text[]) to floorwalker_web;
