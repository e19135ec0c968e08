-- A callback_url of an agent's configuration gets interaction.ended; tests are in no count of waiting requests and of agents.

create table public.webhook_deliveries (
  id bigint not null generated always as identity,
  event_id uuid not null default gen_random_uuid(),
  agent_id uuid not null,
  interaction_id uuid not null,
  event text not null,
  url text not null,
  host text not null,
  created_at timestamptz not null default clock_timestamp(),
  attempts integer not null default 0,
  next_at timestamptz default clock_timestamp(),
  delivered_at timestamptz,
  http_status integer,
  answer text,
  constraint webhook_deliveries_pkey primary key (id),
  constraint webhook_deliveries_event_check check (event in ('interaction.ended')),
  constraint webhook_deliveries_answer_check check (length(answer) <= 500),
  constraint webhook_deliveries_state_check check (delivered_at is null or next_at is null),
  constraint webhook_deliveries_agent_id_fkey foreign key (agent_id) references public.agents(id) on delete cascade,
  constraint webhook_deliveries_interaction_id_fkey foreign key (interaction_id) references public.interactions(id) on delete cascade
);

comment on table public.webhook_deliveries is
  'Events for the world outside, one row per event and address: waiting (next_at), delivered (delivered_at) or given up (neither).';
comment on column public.webhook_deliveries.event_id is
  'The header webhook-id, the same in each attempt: the receiver ignores what it has seen.';
comment on column public.webhook_deliveries.host is
  'Host and port of the address; at most four attempts to one host run at once.';
comment on column public.webhook_deliveries.next_at is
  'When the next attempt is due; while one runs, when it is taken for lost.';
comment on column public.webhook_deliveries.http_status is
  'Of the last answer; null when there was none.';
comment on column public.webhook_deliveries.answer is
  'How the last answer began, or why there was none.';
comment on constraint webhook_deliveries_pkey on public.webhook_deliveries is
  'this id is taken';
comment on constraint webhook_deliveries_event_check on public.webhook_deliveries is
  'event is interaction.ended';
comment on constraint webhook_deliveries_answer_check on public.webhook_deliveries is
  'answer has at most 500 characters';
comment on constraint webhook_deliveries_state_check on public.webhook_deliveries is
  'what is delivered has no next attempt';
comment on constraint webhook_deliveries_agent_id_fkey on public.webhook_deliveries is
  'a delivery belongs to an agent that exists';
comment on constraint webhook_deliveries_interaction_id_fkey on public.webhook_deliveries is
  'a delivery is about an interaction that exists';

-- What is due, for the process that delivers.
create index webhook_deliveries_due on public.webhook_deliveries (next_at) where next_at is not null;
-- The last deliveries of an agent, for its page.
create index webhook_deliveries_agent on public.webhook_deliveries (agent_id, id desc);
-- Those of an interaction that is forgotten or deleted.
create index webhook_deliveries_interaction on public.webhook_deliveries (interaction_id);

alter table public.webhook_deliveries enable row level security;

grant select on public.webhook_deliveries to authenticated, service_role;

create or replace function private.cleanup_leftovers() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_all integer := 0;
  v_count integer;
begin
  delete from private.idempotency_keys k using (
    select agent_id, key from private.idempotency_keys
    where created_at < pg_catalog.now() - interval '24 hours' order by created_at limit 1000) o
  where (k.agent_id, k.key) = (o.agent_id, o.key);
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.web_sessions where id in (
    select id from private.web_sessions where last_seen_at < pg_catalog.now() - interval '30 days' order by last_seen_at limit 500);
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.profile_faults where id in (
    select id from private.profile_faults
    where created_at < pg_catalog.now() - pg_catalog.make_interval(days => private.setting('archive_days')) order by created_at limit 1000);
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from public.webhook_deliveries where id = any (array(
    select o.id from (select id, created_at from public.webhook_deliveries order by id limit 1000) o
    where o.created_at < pg_catalog.now() - pg_catalog.make_interval(days => private.setting('archive_days'))));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  -- Quarters of an hour are needed for the day on which a period begins, which is in this month in every time zone.
  delete from private.performance_sums where ctid = any (array(
    select ctid from private.performance_sums
    where span = 'quarter' and starts_at < pg_catalog.now() - interval '40 days' order by starts_at limit 1000));
  get diagnostics v_count = row_count;
  return v_all + v_count;
end $$;
comment on function private.cleanup_leftovers() is
  'Deletes a batch of idempotency keys older than 24 h, sessions unseen for 30 days, profile faults and deliveries as old as archives, sums by quarters of 40 days ago; how many.';
grant execute on function private.cleanup_leftovers() to service_role;

create or replace function private.forget(p_interaction_ids uuid[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  update public.interactions set anonymised_at = pg_catalog.now(), phone_number = null, caller = null, called_number = null,
    livekit_room_id = null, external_id = null, series = null
  where id = any (p_interaction_ids) and status <> 'active' and anonymised_at is null;
  update public.tool_permissions set arguments = '{}', reason = null, execution_result = null, tool_description = null
  where interaction_id = any (p_interaction_ids)
    and (arguments::text <> '{}' or reason is not null or execution_result is not null or tool_description is not null);
  update public.realtime_metrics set feed_text = null
  where interaction_id = any (p_interaction_ids) and feed_text is not null;
  delete from public.interaction_turns where interaction_id = any (p_interaction_ids);
  delete from public.webhook_deliveries where interaction_id = any (p_interaction_ids);
$$;
comment on function private.forget(uuid[]) is
  'Removes numbers, callers, names of rooms, transcripts, feed lines, deliveries, descriptions and arguments of ended interactions; who decided what, when and the digest stay.';

create or replace function private.note_delivery(p_id bigint, p_attempt integer, p_delivered boolean, p_status integer, p_answer text,
  p_again_after integer) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update public.webhook_deliveries set http_status = p_status, answer = pg_catalog.left(p_answer, 500),
    delivered_at = case when p_delivered then pg_catalog.clock_timestamp() end,
    next_at = case when not p_delivered and p_again_after is not null then pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => greatest(0, least(p_again_after, 86400))) end
  where id = p_id and attempts = p_attempt and delivered_at is null;
  return found;
end $$;
comment on function private.note_delivery(bigint, integer, boolean, integer, text, integer) is
  'How an attempt ended; p_again_after is in seconds, null gives up. False when another attempt has begun meanwhile.';
grant execute on function private.note_delivery(bigint, integer, boolean, integer, text, integer) to floorwalker_web, service_role;

create or replace function private.queue_callback() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.webhook_deliveries (agent_id, interaction_id, event, url, host)
  select new.agent_id, new.id, 'interaction.ended', u.url, pg_catalog.lower(pg_catalog.substring(u.url, '^https?://([^/?#]+)'))
  from (select config_value #>> '{}' as url from public.agent_config
    where agent_id = new.agent_id and config_key = 'callback_url') u;
  return null;
end $$;
comment on function private.queue_callback() is
  'Trigger: an interaction that ends, or is completed late, is told to the agent''s callback_url.';

-- Of the first five hundred that are due, so that a long queue costs no more; a host with four attempts in this process is left
-- out by the caller, so that a slow one holds up no other.
create or replace function private.take_deliveries(p_most integer, p_busy text[]) returns table (
  id bigint, event_id uuid, url text, host text, attempt integer, body jsonb)
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  with due as (
    select d.id, d.host from public.webhook_deliveries d
    where d.next_at <= pg_catalog.clock_timestamp() and d.host <> all (p_busy)
    order by d.next_at limit 500 for no key update skip locked
  ), fair as (
    select f.id from (select due.id, pg_catalog.row_number() over (partition by host order by due.id) as place from due) f
    where f.place <= 4 order by f.place, f.id limit greatest(0, least(p_most, 100))
  ), taken as (
    update public.webhook_deliveries d set attempts = d.attempts + 1, next_at = pg_catalog.clock_timestamp() + interval '60 seconds'
    from fair where d.id = fair.id returning d.*
  )
  select t.id, t.event_id, t.url, t.host, t.attempts, pg_catalog.jsonb_build_object('type', t.event, 'timestamp', t.created_at,
    'data', pg_catalog.jsonb_build_object('interaction_id', i.id, 'external_id', i.external_id, 'agent_id', i.agent_id,
      'interaction_type', i.interaction_type, 'status', i.status, 'end_reason', i.end_reason, 'started_at', i.started_at,
      'ended_at', i.ended_at, 'duration_seconds', i.duration_seconds, 'is_test', i.is_test,
      'custom_metadata', coalesce((select c.config_value from public.agent_config c
        where c.agent_id = i.agent_id and c.config_key = 'custom_metadata'), '{}')))
  from taken t join public.interactions i on i.id = t.interaction_id
$$;
comment on function private.take_deliveries(integer, text[]) is
  'At most so many deliveries that are due, four a host, each for 60 s: then another process may take it again. Body: what the receiver gets.';
grant execute on function private.take_deliveries(integer, text[]) to floorwalker_web, service_role;

-- Reads every pulse once, and looks up the rest only for the sixty interactions that it shows: 83 ms with 15,000 live ones, where
-- joining first took 320.
create or replace function private.wallboard(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sentiment text := p_arguments ->> 'sentiment';
  v_seen_before timestamptz := case when p_arguments ->> 'stale' is not null then pg_catalog.clock_timestamp()
    - pg_catalog.make_interval(secs => private.setting('stale_seconds')) end;
  v_chosen uuid[] := private.chosen_supervisors(p_arguments);
begin
  if v_sentiment not in ('good', 'neutral', 'critical') then
    raise exception 'unknown sentiment %: good, neutral or critical', v_sentiment using errcode = 'FW422';
  end if;
  return (
    with live as materialized (
      select p.interaction_id, p.agent_id, p.supervisor_id, p.started_at, p.last_seen_at, p.sentiment, p.satisfaction_score, p.is_test
      from public.interaction_pulse p
    ), matching as materialized (
      select l.*, case l.sentiment when 'critical' then 0 when 'neutral' then 1 when 'good' then 2 else 3 end as badness
      from live l
      where (v_chosen is null or l.supervisor_id in (select pg_catalog.unnest(v_chosen)))
        and (v_sentiment is null or l.sentiment = v_sentiment)
        and (v_seen_before is null or l.last_seen_at < v_seen_before)
    ), worst as materialized (
      select m.*, pg_catalog.row_number() over () as place from (
        select * from matching
        order by badness, satisfaction_score nulls last, started_at, interaction_id limit 60) m
    )
    select pg_catalog.jsonb_build_object(
      'numbers', (select pg_catalog.jsonb_build_object(
        'active', pg_catalog.count(*) filter (where not is_test),
        'critical', pg_catalog.count(*) filter (where sentiment = 'critical' and not is_test),
        'satisfaction', pg_catalog.round(pg_catalog.avg(satisfaction_score) filter (where not is_test)),
        'agents', (select coalesce(pg_catalog.jsonb_object_agg(g.status, g.n), '{}') from (
          select t.status, pg_catalog.count(*) as n from (
            select case when id in (select agent_id from live where is_test) then 'idle' else status end as status
            from public.agents where retired_at is null and supervisor_id is not null) t group by t.status) g))
        || (select pg_catalog.jsonb_build_object('pending', pg_catalog.count(*) filter (where not w.test),
              'oldest_pending', pg_catalog.min(w.requested_at) filter (where not w.test),
              'pending_tests', pg_catalog.count(*) filter (where w.test))
            from (select requested_at, interaction_id in (select interaction_id from live where is_test) as test
              from public.tool_permissions where status = 'pending' and held_until is null) w) from live),
      'interactions', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by w.place), '[]')
        from worst w join private.interaction_rows r on r.id = w.interaction_id),
      'matching', (select pg_catalog.count(*) from matching),
      'supervisors', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(v) order by v.critical desc, v.active desc, v.username), '[]') from (
        select u.username, t.active, t.critical
        from (select supervisor_id, pg_catalog.count(*) as active, pg_catalog.count(*) filter (where sentiment = 'critical') as critical
              from live where not is_test group by supervisor_id) t
        join public.users u on u.id = t.supervisor_id
        order by t.critical desc, t.active desc, u.username limit 24) v)));
end $$;
comment on function private.wallboard(jsonb) is
  'The whole floor, through the reader''s own row-level security: an admin sees everybody''s. FW422 for an unknown filter.';
grant execute on function private.wallboard(jsonb) to authenticated;

create trigger interactions_55_callback after update of status on public.interactions for each row
    when (old.status is distinct from new.status and new.status <> 'active')
  execute function private.queue_callback();

create policy webhook_deliveries_visible on public.webhook_deliveries for select to authenticated
  using ((agent_id in ( select a.id
   from public.agents a)));
