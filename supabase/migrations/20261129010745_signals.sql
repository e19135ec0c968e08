-- A person is called by what they chose: a table for the choices, one for browsers with web push, and what was given to whom.

create table public.signal_choices (
  user_id uuid not null,
  sounds text[] not null,
  notifications text[] not null,
  quiet_from time,
  quiet_until time,
  zone text not null,
  changed_at timestamptz not null default clock_timestamp(),
  constraint signal_choices_pkey primary key (user_id),
  constraint signal_choices_sounds_check check (sounds <@ '{request,critical,silent,half,ending}'::text[]),
  constraint signal_choices_notifications_check check (notifications <@ '{request,critical,silent,half,ending}'::text[]),
  constraint signal_choices_quiet_check check ((quiet_from is null) = (quiet_until is null)
    and (quiet_from is null or quiet_from <> quiet_until)),
  constraint signal_choices_zone_check check (length(zone) between 1 and 64),
  constraint signal_choices_user_id_fkey foreign key (user_id) references public.users(id) on delete cascade
);

comment on table public.signal_choices is
  'Which signals call a person, and how. Without a row: private.usual_signals. request: it arrived; half, ending: half of its time is over, 30 s are left; critical, silent: an interaction is, silent for a minute.';
comment on column public.signal_choices.notifications is
  'Signals that are shown by the browser, and sent by web push where no page of the person is open.';
comment on column public.signal_choices.quiet_from is
  'By the clock of the zone. From then until quiet_until nothing sounds, notifies or is sent. It may pass midnight.';
comment on constraint signal_choices_pkey on public.signal_choices is
  'a person has chosen once';
comment on constraint signal_choices_sounds_check on public.signal_choices is
  'a signal is request, critical, silent, half or ending';
comment on constraint signal_choices_notifications_check on public.signal_choices is
  'a signal is request, critical, silent, half or ending';
comment on constraint signal_choices_quiet_check on public.signal_choices is
  'quiet hours have a beginning and another end, or neither';
comment on constraint signal_choices_zone_check on public.signal_choices is
  'a time zone has a name of 1 to 64 characters';
comment on constraint signal_choices_user_id_fkey on public.signal_choices is
  'choices belong to a person who exists';

alter table public.signal_choices enable row level security;
grant select on public.signal_choices to authenticated;

create table public.push_subscriptions (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  session_id uuid not null,
  endpoint text not null,
  host text not null,
  p256dh bytea not null,
  auth bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint push_subscriptions_pkey primary key (id),
  constraint push_subscriptions_session unique (session_id),
  constraint push_subscriptions_endpoint unique (endpoint),
  constraint push_subscriptions_endpoint_check check (endpoint ~ '^https?://[^/?#]' and length(endpoint) <= 1000),
  constraint push_subscriptions_keys_check check (octet_length(p256dh) = 65 and octet_length(auth) = 16),
  constraint push_subscriptions_session_id_fkey foreign key (session_id) references private.web_sessions(id) on delete cascade,
  constraint push_subscriptions_user_id_fkey foreign key (user_id) references public.users(id) on delete cascade
);

comment on table public.push_subscriptions is
  'Browsers that get signals by web push while no page is open. Each belongs to the session in that browser and ends with it.';
comment on column public.push_subscriptions.endpoint is
  'The address at the browser''s push service. Who knows it can send nothing without the VAPID key.';
comment on column public.push_subscriptions.host is
  'Host and port of the address; at most four messages to one host are under way at once.';
comment on column public.push_subscriptions.p256dh is
  'The browser''s public key, for the encryption of RFC 8291: an uncompressed point of P-256.';
comment on column public.push_subscriptions.auth is
  'The secret that the browser and the server share, of RFC 8291.';
comment on constraint push_subscriptions_pkey on public.push_subscriptions is
  'this id is taken';
comment on constraint push_subscriptions_session on public.push_subscriptions is
  'a session has one subscription';
comment on constraint push_subscriptions_endpoint on public.push_subscriptions is
  'this browser is subscribed already';
comment on constraint push_subscriptions_endpoint_check on public.push_subscriptions is
  'an endpoint is an address of at most 1000 characters';
comment on constraint push_subscriptions_keys_check on public.push_subscriptions is
  'a subscription has a key of 65 and a secret of 16 bytes';
comment on constraint push_subscriptions_session_id_fkey on public.push_subscriptions is
  'a subscription belongs to a session that has not ended';
comment on constraint push_subscriptions_user_id_fkey on public.push_subscriptions is
  'a subscription belongs to a person who exists';

-- The browsers of a person, to send them a signal. Also the foreign key.
create index push_subscriptions_user on public.push_subscriptions (user_id);

alter table public.push_subscriptions enable row level security;
grant select (id, user_id, session_id, host, created_at) on public.push_subscriptions to authenticated;

create table private.given_signals (
  user_id uuid not null,
  signal text not null,
  subject_id uuid not null,
  since timestamptz not null,
  given_at timestamptz not null default clock_timestamp(),
  constraint given_signals_pkey primary key (user_id, signal, subject_id, since),
  constraint given_signals_user_id_fkey foreign key (user_id) references public.users(id) on delete cascade
);

comment on table private.given_signals is
  'Signals that a page has given a person, or that are being sent by web push: none is given twice. Only people with a push subscription have rows.';
comment on column private.given_signals.subject_id is
  'The tool permission, the drill or the interaction.';
comment on column private.given_signals.since is
  'Since when it is critical or silent; when a request was made.';
comment on constraint given_signals_pkey on private.given_signals is
  'a signal is given once';
comment on constraint given_signals_user_id_fkey on private.given_signals is
  'a signal is given to a person who exists';

-- Retention: those of yesterday.
create index given_signals_age on private.given_signals (given_at);

alter table private.given_signals enable row level security;

create table private.push_messages (
  id bigint not null generated always as identity,
  subscription_id uuid not null,
  signal text not null,
  subject_id uuid not null,
  agent_name text not null,
  tool_name text,
  ends_at timestamptz not null,
  attempts integer not null default 0,
  next_at timestamptz not null default clock_timestamp(),
  constraint push_messages_pkey primary key (id),
  constraint push_messages_subscription_id_fkey foreign key (subscription_id) references public.push_subscriptions(id) on delete cascade
);

comment on table private.push_messages is
  'Signals on their way to a push service, one row per browser; gone as soon as they are delivered, given up, or too late.';
comment on column private.push_messages.ends_at is
  'When it is too late to call: the request has expired, or ten minutes have passed.';
comment on column private.push_messages.next_at is
  'When the next attempt is due; while one runs, when it is taken for lost.';
comment on constraint push_messages_pkey on private.push_messages is
  'this id is taken';
comment on constraint push_messages_subscription_id_fkey on private.push_messages is
  'a message goes to a subscription that exists';

-- What is due.
create index push_messages_due on private.push_messages (next_at);
-- The foreign key: a subscription that ends.
create index push_messages_subscription on private.push_messages (subscription_id);

alter table private.push_messages enable row level security;

create or replace function private.usual_signals(p_role text) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case p_role when 'admin' then '{half,ending}' else '{request,critical,silent,half,ending}' end::text[]
$$;
comment on function private.usual_signals(text) is
  'What calls a person who has chosen nothing: an admin only when nobody has answered for half of the time.';

create or replace function private.in_hours(p_from time, p_until time, p_zone text, p_at timestamptz) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case when p_from < p_until then t.clock >= p_from and t.clock < p_until else t.clock >= p_from or t.clock < p_until end
  from (select pg_catalog.timezone(p_zone, p_at)::time as clock) t
$$;
comment on function private.in_hours(time, time, text, timestamptz) is
  'Whether this moment is between two times of day in a zone; the second may be after midnight. Null without them.';

create or replace function private.is_zone(p_name text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (select from pg_catalog.pg_timezone_names z where z.name = p_name)
$$;
comment on function private.is_zone(text) is
  'Whether PostgreSQL knows a time zone of this name; false for null.';

alter table public.interaction_pulse add column critical_since timestamptz;
comment on column public.interaction_pulse.critical_since is
  'When it became critical, the last time; less than a minute between two such times does not count.';


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
  delete from private.given_signals where ctid = any (array(
    select ctid from private.given_signals where given_at < pg_catalog.now() - interval '1 day' order by given_at limit 1000));
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
  'Deletes a batch of idempotency keys older than 24 h, sessions unseen for 30 days, profile faults and deliveries as old as archives, sums by quarters of 40 days ago, signals that were given a day ago; how many.';
grant execute on function private.cleanup_leftovers() to service_role;

-- Only for people with a push subscription: without one the first part finds nobody. A page has the first seconds to give a
-- signal itself; one that is two minutes old calls nobody any more (the server was stopped, or the network was).
create or replace function private.due_signals() returns table(user_id uuid, signal text, subject_id uuid, since timestamptz, at timestamptz,
  ends_at timestamptz, agent_id uuid, tool_name text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  with people as (
    select u.id, u.role, coalesce(c.notifications, private.usual_signals(u.role)) as notifications, c.quiet_from, c.quiet_until, c.zone
    from public.users u left join public.signal_choices c on c.user_id = u.id
    where u.id in (select s.user_id from public.push_subscriptions s)
      and u.deactivated_at is null and (u.banned_until is null or u.banned_until <= pg_catalog.now())
  ), requests as (
    select p.id as user_id, t.id, t.requested_at, t.expires_at, t.agent_id, t.tool_name
    from people p join public.tool_permissions t on t.supervisor_id = p.id
    where p.role = 'supervisor' and t.status = 'pending' and t.held_until is null and t.expires_at > pg_catalog.clock_timestamp()
    union all
    select p.id, t.id, t.requested_at, t.expires_at, t.agent_id, t.tool_name
    from people p cross join public.tool_permissions t
    where p.role = 'admin' and t.status = 'pending' and t.held_until is null and t.expires_at > pg_catalog.clock_timestamp()
    union all
    select p.id, d.id, d.created_at, d.expires_at, i.agent_id, d.tool_name
    from people p join private.drills d on d.supervisor_id = p.id join public.interactions i on i.id = d.interaction_id
    where d.outcome is null and d.expires_at > pg_catalog.clock_timestamp() and private.drill_stands(d)
  ), all_of_them as (
    select r.user_id, e.signal, r.id as subject_id, r.requested_at as since, e.at, r.expires_at as ends_at, r.agent_id, r.tool_name, e.until
    from requests r cross join lateral (
      select r.requested_at + (r.expires_at - r.requested_at) / 2 as half, greatest(r.requested_at, r.expires_at - interval '30 s') as ending) m
    cross join lateral (values ('request', r.requested_at, least(m.half, m.ending)), ('half', m.half, m.ending), ('ending', m.ending, r.expires_at)) e (signal, at, until)
    union all
    select p.id, e.signal, i.interaction_id, e.since, e.at, e.at + interval '10 minutes', i.agent_id, null, 'infinity'
    from people p join public.interaction_pulse i on i.supervisor_id = p.id
    cross join lateral (values
      ('critical', case when i.critical_until = 'infinity' then i.critical_since end, i.critical_since),
      ('silent', i.silent_since, i.silent_since + pg_catalog.make_interval(secs => greatest(60, private.setting('stale_seconds'))))) e (signal, since, at)
    where p.role = 'supervisor' and (i.critical_until = 'infinity' or i.silent_since is not null) and e.since is not null
  )
  select a.user_id, a.signal, a.subject_id, a.since, a.at, a.ends_at, a.agent_id, a.tool_name
  from all_of_them a join people p on p.id = a.user_id
  where a.signal = any (p.notifications)
    and a.at between pg_catalog.clock_timestamp() - interval '2 minutes' and pg_catalog.clock_timestamp() - interval '4 seconds'
    and a.until > pg_catalog.clock_timestamp()
    and private.in_hours(p.quiet_from, p.quiet_until, p.zone, a.at) is not true
$$;
comment on function private.due_signals() is
  'What calls people by web push now, unless it was given. Of one request only the most urgent, and nothing in quiet hours.';

create or replace function private.end_push(p_session_id uuid) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  delete from public.push_subscriptions where session_id = p_session_id and user_id = private.viewer_id()
    and private.viewer_role() is not null
$$;
comment on function private.end_push(uuid) is
  'The browser of this session, if it is the viewer''s, gets no more signals by web push.';
grant execute on function private.end_push(uuid) to authenticated;

create or replace function private.note_given_signals(p_signals text[], p_subject_ids uuid[], p_since timestamptz[]) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.viewer_role() is null then
    raise exception 'only people are called' using errcode = 'FW403';
  elsif p_signals is null or p_subject_ids is null or p_since is null or pg_catalog.cardinality(p_signals) > 50
      or pg_catalog.cardinality(p_signals) <> pg_catalog.cardinality(p_subject_ids) or pg_catalog.cardinality(p_signals) <> pg_catalog.cardinality(p_since) then
    raise exception 'at most 50 signals are noted at once, each with its subject and its time' using errcode = 'FW422';
  end if;
  if not exists (select from public.push_subscriptions where user_id = private.viewer_id()) then
    return false;
  end if;
  insert into private.given_signals (user_id, signal, subject_id, since)
  select private.viewer_id(), g.signal, g.subject_id, g.since
  from (select pg_catalog.unnest(p_signals) as signal, pg_catalog.unnest(p_subject_ids) as subject_id, pg_catalog.unnest(p_since) as since) g
  where g.signal = any ('{request,critical,silent,half,ending}') and g.subject_id is not null
    and g.since between pg_catalog.now() - interval '30 days' and pg_catalog.now() + interval '1 minute'
  on conflict do nothing;
  return true;
end $$;
comment on function private.note_given_signals(text[], uuid[], timestamptz[]) is
  'A page has given the viewer these signals, so they are not sent by web push; false when nothing is sent to the viewer. FW403, FW422.';
grant execute on function private.note_given_signals(text[], uuid[], timestamptz[]) to authenticated;

create or replace function private.note_push(p_id bigint, p_attempt integer, p_gone boolean, p_again_after integer) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_gone then
    delete from public.push_subscriptions s using private.push_messages m where m.id = p_id and s.id = m.subscription_id;
  elsif p_again_after is null then
    delete from private.push_messages where id = p_id and attempts = p_attempt;
  else
    update private.push_messages set next_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => greatest(0, least(p_again_after, 3600)))
    where id = p_id and attempts = p_attempt;
  end if;
end $$;
comment on function private.note_push(bigint, integer, boolean, integer) is
  'How an attempt ended. Gone: the push service does not know the browser any more, whose subscription ends. p_again_after is in seconds; null: it was delivered or is given up.';
grant execute on function private.note_push(bigint, integer, boolean, integer) to floorwalker_web;

create or replace function private.own_signals() returns table(sounds text[], notifications text[], quiet_from time, quiet_until time, zone text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(c.sounds, private.usual_signals(v.role)), coalesce(c.notifications, private.usual_signals(v.role)),
    c.quiet_from, c.quiet_until, c.zone
  from (select private.viewer_role() as role) v left join public.signal_choices c on c.user_id = private.viewer_id()
  where v.role is not null
$$;
comment on function private.own_signals() is
  'What the viewer has chosen, or what calls those who have chosen nothing; then the zone is null.';
grant execute on function private.own_signals() to authenticated;

create or replace function private.queue_pushes() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count integer;
begin
  if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker pushes', 0)) then
    return null;
  end if;
  with due as (
    select * from private.due_signals()
  ), fresh as (
    insert into private.given_signals (user_id, signal, subject_id, since)
    select d.user_id, d.signal, d.subject_id, d.since from due d
    on conflict do nothing returning user_id, signal, subject_id, since
  )
  insert into private.push_messages (subscription_id, signal, subject_id, agent_name, tool_name, ends_at)
  select s.id, d.signal, d.subject_id, a.name, d.tool_name, d.ends_at
  from fresh f join due d using (user_id, signal, subject_id, since)
  join public.push_subscriptions s on s.user_id = d.user_id and s.created_at <= d.at
  join public.agents a on a.id = d.agent_id;
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function private.queue_pushes() is
  'Queues what calls people who have no page open, once each; how many messages, or null while another process is at it.';
grant execute on function private.queue_pushes() to floorwalker_web;

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

create or replace function private.subscribe_push(p_session_id uuid, p_endpoint text, p_host text, p_p256dh bytea, p_auth bytea) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.viewer_role() is null then
    raise exception 'only people are called' using errcode = 'FW403';
  elsif p_endpoint is null or p_host is null or p_p256dh is null or p_auth is null or pg_catalog.length(p_endpoint) > 1000
      or p_endpoint !~ '^https?://[^/?#]' or pg_catalog.octet_length(p_p256dh) <> 65 or pg_catalog.octet_length(p_auth) <> 16 then
    raise exception 'a subscription has an address of at most 1000 characters, its host, a key of 65 bytes and a secret of 16' using errcode = 'FW422';
  end if;
  -- Locked, so that a session that ends at this moment leaves no subscription.
  perform from private.web_sessions where id = p_session_id and user_id = private.viewer_id() for key share;
  if not found then
    raise exception 'there is no such session' using errcode = 'FW404';
  end if;
  -- The browser may have been another person's before, and a session may get another address from its browser.
  delete from public.push_subscriptions where endpoint = p_endpoint and session_id <> p_session_id;
  insert into public.push_subscriptions as s (user_id, session_id, endpoint, host, p256dh, auth)
  values (private.viewer_id(), p_session_id, p_endpoint, pg_catalog.left(p_host, 300), p_p256dh, p_auth)
  on conflict (session_id) do update set endpoint = excluded.endpoint, host = excluded.host, p256dh = excluded.p256dh, auth = excluded.auth;
end $$;
comment on function private.subscribe_push(uuid, text, text, bytea, bytea) is
  'The browser of this session, which is the viewer''s, gets signals by web push. FW403, FW404, FW422.';
grant execute on function private.subscribe_push(uuid, text, text, bytea, bytea) to authenticated;

create or replace function private.take_pushes(p_most integer, p_busy text[]) returns table(
  id bigint, endpoint text, host text, p256dh bytea, auth bytea, attempt integer, signal text, subject_id uuid, agent_name text,
  tool_name text, seconds integer)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from private.push_messages m where m.next_at <= pg_catalog.clock_timestamp() and m.ends_at <= pg_catalog.clock_timestamp();
  return query
  with due as (
    select m.id, s.host from private.push_messages m join public.push_subscriptions s on s.id = m.subscription_id
    where m.next_at <= pg_catalog.clock_timestamp() and s.host <> all (p_busy)
    order by m.next_at limit 500 for no key update of m skip locked
  ), fair as (
    select f.id from (select due.id, pg_catalog.row_number() over (partition by due.host order by due.id) as place from due) f
    where f.place <= 4 order by f.place, f.id limit greatest(0, least(p_most, 100))
  ), taken as (
    update private.push_messages m set attempts = m.attempts + 1, next_at = pg_catalog.clock_timestamp() + interval '30 seconds'
    from fair where m.id = fair.id returning m.*
  )
  select t.id, s.endpoint, s.host, s.p256dh, s.auth, t.attempts, t.signal, t.subject_id, t.agent_name, t.tool_name,
    greatest(1, extract(epoch from t.ends_at - pg_catalog.clock_timestamp()))::integer
  from taken t join public.push_subscriptions s on s.id = t.subscription_id;
end $$;
comment on function private.take_pushes(integer, text[]) is
  'At most so many messages that are due, four a host, each for 30 s; seconds: how long it may still call. Those that are too late are deleted.';
grant execute on function private.take_pushes(integer, text[]) to floorwalker_web;

create or replace function public.choose_signals(p_sounds text[], p_notifications text[], p_quiet_from time, p_quiet_until time, p_zone text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.viewer_role() is null then
    raise exception 'only people choose what calls them' using errcode = 'FW403';
  elsif p_sounds is null or p_notifications is null or pg_catalog.cardinality(p_sounds) > 5 or pg_catalog.cardinality(p_notifications) > 5
      or not (p_sounds || p_notifications) <@ '{request,critical,silent,half,ending}'::text[] then
    raise exception 'a signal is request, critical, silent, half or ending, and each is chosen once' using errcode = 'FW422';
  elsif (p_quiet_from is null) <> (p_quiet_until is null) or p_quiet_from = p_quiet_until or '24:00' in (p_quiet_from, p_quiet_until) then
    raise exception 'quiet hours have a beginning and another end, or neither' using errcode = 'FW422';
  elsif not private.is_zone(p_zone) then
    raise exception 'there is no such time zone' using errcode = 'FW422';
  end if;
  insert into public.signal_choices as c (user_id, sounds, notifications, quiet_from, quiet_until, zone)
  values (private.viewer_id(), p_sounds, p_notifications, p_quiet_from, p_quiet_until, p_zone)
  on conflict (user_id) do update set sounds = excluded.sounds, notifications = excluded.notifications,
    quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until, zone = excluded.zone, changed_at = excluded.changed_at;
end $$;
comment on function public.choose_signals(text[], text[], time, time, text) is
  'The viewer chooses which signals sound and which notify, and their quiet hours by the clock of a time zone. FW403, FW422.';
grant execute on function public.choose_signals(text[], text[], time, time, text) to authenticated;

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
    p.low_until,
    p.critical_since
   from public.interaction_pulse p;
comment on view private.interaction_cards is
  'The active interaction on the card of its agent. The version changes with the row.';
grant select on private.interaction_cards to authenticated;

create policy push_subscriptions_own on public.push_subscriptions for select to authenticated
  using (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null);

create policy signal_choices_own on public.signal_choices for select to authenticated
  using (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null);
