-- Comments in plain technical English; no behaviour changes. Functions are written whole where their text has comments.

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
    update public.interaction_pulse set last_seen_at = pg_catalog.clock_timestamp() where interaction_id = p_interaction_id;
    perform pg_catalog.pg_notify('floor', 'interaction_turns:' || v_supervisor);
  end if;
end $$;
comment on function private.add_turns(uuid, jsonb) is
  'Stores turns [{captured_at, speaker, text, external_id, final, interrupted}] of the agent''s own interaction; stored, replaced or duplicate for each, in order. FW404, FW409, FW422.';
grant execute on function private.add_turns(uuid, jsonb) to agent_runtime;

create or replace function private.attach_to_active() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent uuid;
begin
  -- Waits for a transaction that moves or deletes the interaction, whose result is then visible.
  perform from public.interactions where id = new.interaction_id for key share;
  select supervisor_id, agent_id into new.supervisor_id, v_agent
  from public.interaction_pulse where interaction_id = new.interaction_id;
  if v_agent is null then
    select agent_id into v_agent from public.interactions where id = new.interaction_id;
    if v_agent is not null and not private.is_anothers(v_agent) then
      raise exception 'the interaction has ended' using errcode = 'FW409';
    end if;
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif private.is_anothers(v_agent) then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  return new;
end $$;
comment on function private.attach_to_active() is
  'Trigger: fills the supervisor; FW409 when the interaction has ended, FW404 when there is none.';

create or replace function private.attach_turn() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
begin
  -- Waits for a transaction that moves, ends or deletes the interaction, whose result is then visible.
  select * into v_interaction from public.interactions where id = new.interaction_id for key share;
  if v_interaction.id is null or private.is_anothers(v_interaction.agent_id) then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif not private.takes_late(v_interaction) then
    raise exception 'the interaction has ended' using errcode = 'FW409';
  end if;
  new.supervisor_id := v_interaction.supervisor_id;
  new.late := v_interaction.status <> 'active';
  new.digest := pg_catalog.sha256(pg_catalog.convert_to(
    case when new.external_id is null then 'text ' || new.text else 'id ' || new.external_id end, 'UTF8'));
  return new;
end $$;
comment on function private.attach_turn() is
  'Trigger: fills supervisor, late and digest; FW409 when the interaction no longer accepts late turns, FW404 when there is none.';

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
  -- Quarters of an hour are needed for the day on which a period begins, which is in this month in every time zone.
  delete from private.performance_sums where ctid = any (array(
    select ctid from private.performance_sums
    where span = 'quarter' and starts_at < pg_catalog.now() - interval '40 days' order by starts_at limit 1000));
  get diagnostics v_count = row_count;
  return v_all + v_count;
end $$;
comment on function private.cleanup_leftovers() is
  'Deletes a batch of idempotency keys older than 24 h, sessions unseen for 30 days, profile faults as old as archives, sums by quarters of 40 days ago; how many.';
grant execute on function private.cleanup_leftovers() to service_role;

comment on function private.close_web_sessions() is
  'Trigger: a person''s rights changed, so their sessions end.';

create or replace function private.count_archive() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
begin
  -- The lock waits for a transaction that moves the interaction in time or to another supervisor.
  if tg_op <> 'INSERT' then
    select * into v_interaction from public.interactions where id = old.interaction_id for share;
    perform private.note_performance(-1, v_interaction, old, false);
  end if;
  if tg_op <> 'DELETE' then
    select * into v_interaction from public.interactions where id = new.interaction_id for share;
    perform private.note_performance(1, v_interaction, new, false);
  end if;
  return null;
end $$;
comment on function private.count_archive() is
  'Trigger: the archive of a completed interaction came, changed or went.';

create or replace function private.decide_now(p_id uuid, p_status text, p_reason text, p_arguments_digest text, p_hold boolean) returns setof public.tool_permissions
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
  v_undo integer := 0;
  v_reason text := nullif(pg_catalog.btrim(p_reason), '');
begin
  if p_status is null or p_status not in ('allowed', 'denied') then
    raise exception 'a decision is allowed or denied' using errcode = 'FW422';
  elsif pg_catalog.length(p_reason) > 1000 then
    raise exception 'a reason has at most 1000 characters' using errcode = 'FW422';
  elsif p_arguments_digest is null then
    raise exception 'a decision carries the arguments_digest of the request that it is made for' using errcode = 'FW422';
  end if;
  perform from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors()));
  if not found then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  -- A grant refers to the interaction and changes its pulse. Both are locked before the permission, as in every function.
  perform from public.interactions
  where id = (select interaction_id from public.tool_permissions where id = p_id) for key share;
  if not p_hold then
    perform from public.interaction_pulse
    where interaction_id = (select interaction_id from public.tool_permissions where id = p_id) for no key update;
  end if;
  select * into v_row from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors())) for no key update;
  if v_row.id is null or v_row.status <> 'pending' or v_row.held_until is not null
     or v_row.arguments_digest <> p_arguments_digest then
    return;
  end if;
  if p_hold and p_status = 'allowed' then
    v_undo := coalesce((select g.undo_seconds from public.agent_tools g
      where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name)), 0);
  end if;
  begin
    if v_undo > 0 then
      return query
      update public.tool_permissions t set held_decision = p_status, held_by = u.id, held_by_name = coalesce(u.username, u.name),
        held_reason = v_reason, held_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => v_undo)
      from public.users u where t.id = p_id and u.id = private.viewer_id()
      returning t.*;
    else
      return query
      update public.tool_permissions t set status = p_status, responded_at = m.moment, responded_by = u.id,
        responded_by_name = coalesce(u.username, u.name), reason = v_reason,
        execute_before = case when p_status = 'allowed' then m.moment
          + pg_catalog.make_interval(secs => private.setting('execute_seconds')) end
      from public.users u, (select pg_catalog.clock_timestamp() as moment) m
      where t.id = p_id and u.id = private.viewer_id()
      returning t.*;
    end if;
  exception when sqlstate 'FW409' then  -- the guard: it has expired
    return;
  end;
end $$;
comment on function private.decide_now(uuid, text, text, text, boolean) is
  'Decides as decide_tool_permission says; p_hold: an allow of a tool with undo_seconds is held.';

create or replace function private.end_grant(p_id uuid, p_how text, p_by uuid, p_by_name text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction uuid := (select interaction_id from public.tool_grants where id = p_id);
  v_done boolean;
begin
  -- The common lock order: the interaction, its pulse, then the grant.
  perform from public.interactions where id = v_interaction for key share;
  perform from public.interaction_pulse where interaction_id = v_interaction for no key update;
  update public.tool_grants set ended_at = pg_catalog.clock_timestamp(), ended_how = p_how, ended_by = p_by, ended_by_name = p_by_name
  where id = p_id and ended_at is null;
  v_done := found;
  return v_done;
end $$;
comment on function private.end_grant(uuid, text, uuid, text) is
  'Ends a grant; false when it had ended.';

create or replace function private.end_interaction() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if old.status = 'failed' and new.status = 'completed' and old.reaped_at is not null then
    new.reaped_at := null;  -- closed late by its provider, once; it ended when it was reaped
    new.ended_at := old.ended_at;
  elsif old.status <> 'active' and new.status is distinct from old.status then
    raise exception 'the interaction already ended as %', old.status using errcode = 'FW409';
  end if;
  if old.status = 'active' and new.status <> 'active' then
    -- The agent is locked first, as when an interaction starts, so that the two cannot deadlock.
    perform from public.agents where id = old.agent_id for no key update;
    new.ended_at := greatest(coalesce(new.ended_at, pg_catalog.clock_timestamp()), new.started_at);
  end if;
  return new;
end $$;
comment on function private.end_interaction() is
  'Trigger: an interaction ends once, but one that was reaped may still be completed; sets ended_at. FW409 for a second, different end.';

create or replace function private.expire_tool_permissions() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_settled integer;
  v_count integer;
begin
  -- Grants first, because every function locks interactions and pulses before requests.
  v_settled := private.end_expired_grants() + private.settle_held_permissions();
  with due as (
    select id from public.tool_permissions
    where status = 'pending' and held_until is null and expires_at <= pg_catalog.clock_timestamp()
    order by expires_at limit 500 for no key update skip locked
  )
  update public.tool_permissions t set status = 'timeout', responded_at = pg_catalog.clock_timestamp()
  from due where t.id = due.id;
  get diagnostics v_count = row_count;
  return v_settled + v_count;
end $$;
comment on function private.expire_tool_permissions() is
  'Marks at most 500 expired requests as timeout, and allows at most 500 whose allow can no longer be taken back; how many. Safe on every replica.';
grant execute on function private.expire_tool_permissions() to floorwalker_web, service_role;

comment on function private.follow_phone_number() is
  'Trigger: copies phone_number and caller to the pulse.';

create or replace function private.guard_tool_permission() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();  -- the row is locked when a trigger before update runs
  v_held constant boolean := old.held_until is not null;
begin
  if new.arguments::text = '{}' and (new.reason, new.execution_result, new.tool_description) is not distinct from (null::text, null::jsonb, null::text)
     and exists (select from public.interactions where id = new.interaction_id and anonymised_at is not null) then
    -- Forgotten: the words are removed, and nothing else changes.
    new.arguments := old.arguments;
    new.reason := old.reason;
    new.execution_result := old.execution_result;
    new.tool_description := old.tool_description;
    if pg_catalog.to_jsonb(new) - 'supervisor_response' <> pg_catalog.to_jsonb(old) - 'supervisor_response' then  -- generated later
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
    new.arguments := '{}';
    new.reason := null;
    new.execution_result := null;
    new.tool_description := null;
    return new;
  end if;

  if (new.interaction_id, new.tool_name, new.arguments::text, new.arguments_digest, new.requested_at, new.expires_at)
     is distinct from (old.interaction_id, old.tool_name, old.arguments::text, old.arguments_digest, old.requested_at, old.expires_at) then
    raise exception 'a tool permission''s request does not change' using errcode = 'FW409';
  end if;

  if old.status <> 'pending' then
    if new.status is distinct from old.status then
      raise exception 'the tool permission is already %', old.status using errcode = 'FW409';
    elsif (new.responded_at, new.responded_by, new.responded_by_name, new.reason, new.execute_before)
          is distinct from (old.responded_at, old.responded_by, old.responded_by_name, old.reason, old.execute_before) then
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
  elsif new.status = 'pending' and not v_held and new.held_until is not null then  -- an allow is held
    if old.expires_at <= v_now then
      raise exception 'the tool permission has expired' using errcode = 'FW409';
    elsif new.held_until <= v_now then
      raise exception 'held_until must be in the future' using errcode = 'FW409';
    end if;
    -- Its time stands still meanwhile, so that no reader takes it for expired.
    new.expires_at := old.expires_at + (new.held_until - v_now);
    new.times_held := old.times_held + 1;
  elsif new.status = 'pending' and v_held and new.held_until is null then  -- and taken back
    if old.held_until <= v_now then
      raise exception 'it was allowed, and can no longer be taken back' using errcode = 'FW409';
    end if;
    new.expires_at := old.expires_at - (old.held_until - v_now);
  elsif new.status = 'pending' then
    if (new.held_decision, new.held_by, new.held_by_name, new.held_reason, new.held_until, new.times_held)
       is distinct from (old.held_decision, old.held_by, old.held_by_name, old.held_reason, old.held_until, old.times_held) then
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
  else  -- decided, expired or cancelled
    if v_held and new.status <> 'cancelled' and (new.status <> 'allowed' or new.responded_by is distinct from old.held_by) then
      raise exception 'the tool permission was allowed by %, who can still take it back', old.held_by_name using errcode = 'FW409';
    elsif v_held and new.status = 'allowed' then
      if old.held_until > v_now then
        raise exception 'the allow can still be taken back' using errcode = 'FW409';
      end if;
      new.expires_at := old.expires_at + (v_now - old.held_until);
    elsif new.status in ('allowed', 'denied') and old.expires_at <= v_now then
      raise exception 'the tool permission has expired' using errcode = 'FW409';
    elsif new.status = 'timeout' and old.expires_at > v_now then
      raise exception 'the tool permission has not expired yet' using errcode = 'FW409';
    end if;
    -- The window to execute begins now, however long it is.
    new.execute_before := v_now + (new.execute_before - new.responded_at);
    new.responded_at := v_now;
    new.held_decision := null;
    new.held_by := null;
    new.held_by_name := null;
    new.held_reason := null;
    new.held_until := null;
  end if;

  if old.executed_at is null then
    if new.executed_at is not null then
      if old.execute_before <= v_now then
        raise exception 'the time to run the tool ended at %: do not run it', old.execute_before using errcode = 'FW409';
      end if;
      new.executed_at := v_now;
    end if;
  elsif (new.execution_id, new.executed_at) is distinct from (old.execution_id, old.executed_at) then
    raise exception 'the execution is already claimed' using errcode = 'FW409';
  end if;
  if old.execution_reported_at is null and new.execution_reported_at is not null then
    new.execution_reported_at := v_now;
  end if;
  return new;
end $$;
comment on function private.guard_tool_permission() is
  'Trigger: one decision before expiry and one execution within its window, each judged and stored at one moment, of what was asked; an allow that is held changes only by its giver, its time or the end; words go when the interaction is forgotten. FW409 otherwise, for every role.';

create or replace function private.interaction_v2(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction uuid := private.id_argument(p_arguments, 'interaction_id');
  v_supervisor uuid := case when p_arguments ? 'supervisor_id' then private.id_argument(p_arguments, 'supervisor_id') end;
begin
  return (
    select pg_catalog.jsonb_build_object(
      'interaction', pg_catalog.to_jsonb(h),
      'scores', coalesce(
        (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
            extract(epoch from m.at - i.started_at)::integer, m.satisfaction_score, m.sentiment) order by m.at, m.id)
         from (select r.id, coalesce(r.effective_at, r.timestamp) as at, r.satisfaction_score, r.sentiment
               from public.realtime_metrics r
               where r.interaction_id = i.id and r.satisfaction_score is not null order by r.timestamp desc limit 720) m),
        r.series, i.series, '[]'),
      'timeline', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(e) order by e.at, e.place, e.id), '[]') from (
          select everything.*, everything.at < i.started_at
              or everything.at::date <> i.started_at::date as dated from (
            -- A stamp in the future counts as the time of arrival.
            (select 't' || t.id as id, least(t.captured_at, t.created_at) as at, 0 as place, t.speaker as kind, t.text,
              null::text as who, case when t.interrupted then 'interrupted' end as status, t.late
             from public.interaction_turns t where t.interaction_id = i.id order by t.captured_at desc limit 300)
            union all
            (select 'm' || m.id, coalesce(m.effective_at, m.timestamp), 0, 'feed', m.feed_text, null, m.sentiment, false
             from public.realtime_metrics m where m.interaction_id = i.id and m.feed_text <> ''
             order by m.timestamp desc limit 300)
            union all
            select 'q' || q.id, q.requested_at, 1, 'request', q.tool_name || ' ' || case when pg_catalog.length(q.arguments::text) > 2000
                then pg_catalog.left(q.arguments::text, 2000) || '…' else q.arguments::text end, null, null, false
            from public.tool_permissions q where q.interaction_id = i.id
            union all
            select 'd' || q.id, q.responded_at, 2, case q.rule when 'grant' then 'use' else 'decision' end, q.tool_name || coalesce(': ' || q.reason, ''),
              coalesce(q.responded_by_name, (select g.granted_by_name from public.tool_grants g where g.id = q.grant_id), q.rule),
              case q.rule when 'grant' then q.grant_use::text else q.status end, false
            from public.tool_permissions q where q.interaction_id = i.id and q.status <> 'pending'
            union all
            select 'g' || g.id, g.created_at, 4, 'grant', g.tool_name || ': ' || private.grant_words(g) || ', '
                || g.max_uses || case g.max_uses when 1 then ' use' else ' uses' end || ' within '
                || (extract(epoch from g.expires_at - g.created_at) / 60)::integer || ' minutes', g.granted_by_name, null, false
            from public.tool_grants g where g.interaction_id = i.id
            union all
            select 'e' || g.id, g.ended_at, 5, 'grant_end', g.tool_name, g.ended_by_name, g.ended_how, false
            from public.tool_grants g where g.interaction_id = i.id and g.ended_at < coalesce(i.ended_at, 'infinity')
            union all
            select 'x' || q.id, q.executed_at, 3, 'execution', q.tool_name, null,
              case q.execution_succeeded when true then 'succeeded' when false then 'failed' else 'started' end, false
            from public.tool_permissions q where q.interaction_id = i.id and q.executed_at is not null
            union all
            -- The agent was paused or resumed during this interaction.
            select 'p' || l.id, l.at, 6, 'pause', null, l.actor,
              case when l.changes -> 'paused_at' -> 1 = 'null' then 'resumed' else 'paused' end, false
            from public.audit_logs l where l.row_id = i.agent_id::text and l.changes ? 'paused_at'
              and l.at between i.started_at and coalesce(i.ended_at, 'infinity')
          ) everything order by at desc, place desc, id desc limit 300
        ) e),
      'tool_permissions', private.permission_cards(array(
        select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status = 'pending'
        order by w.requested_at, w.id limit 50)),
      'answered', private.answered_cards(array(
        select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status <> 'pending' and w.rule is null
          and w.responded_at > pg_catalog.now() - interval '10 minutes' order by w.responded_at desc limit 5)),
      'archive', case when r.id is not null then pg_catalog.jsonb_build_object('summary', r.summary, 'issues', r.issues,
        'tags', r.tags, 'csat_score', r.csat_score, 'resolution_time_seconds', r.resolution_time_seconds,
        'fcr_status', r.fcr_status, 'created_at', r.created_at) end,
      'broken_by', (
        select later.id from public.interactions later
        join public.interaction_archives b on b.interaction_id = later.id
        where r.fcr_status = false and later.phone_number = i.phone_number and later.started_at > i.started_at
          and later.started_at <= i.started_at + interval '3 days'
          and private.issue_tags(b.tags) && private.issue_tags(r.tags)
        order by later.started_at limit 1))
    from public.interactions i
    join private.interaction_heads h on h.id = i.id
    left join public.interaction_archives r on r.interaction_id = i.id
    where i.id = v_interaction and (v_supervisor is null or i.supervisor_id = v_supervisor));
end $$;
comment on function private.interaction_v2(jsonb) is
  'One interaction {interaction_id}, as long as it is of {supervisor_id} if that is given, through the reader''s own row-level security. FW422 for what is no id.';
grant execute on function private.interaction_v2(jsonb) to authenticated;

comment on function private.keep_ended() is
  'Trigger: of an ended interaction an agent may change only the numbers, and only while late values are accepted. FW409.';

comment on function private.lapse_grants_of() is
  'Trigger: a person may no longer decide, so their grants end.';

create or replace function private.open_tool_permission() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pulse public.interaction_pulse;
  v_tool public.agent_tools;
  v_grant public.tool_grants;
  v_amount numeric;
  v_most integer;
begin
  -- Of two simultaneous requests of an agent, the second counts the first. Taken before all other locks, because all
  -- requests take them in one order.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('pending of ' || i.agent_id::text, 0))
  from public.interactions i where i.id = new.interaction_id;
  -- The locks wait for a move of the interaction, and for its end, which cancels pending requests.
  perform from public.interactions where id = new.interaction_id for key share;
  -- A use of a grant changes the pulse, so it takes the lock for a change at once. A transaction that takes a weak lock first
  -- and then a strong one can deadlock with another that waits for the strong lock.
  if exists (select from public.tool_grants where interaction_id = new.interaction_id and tool_name = new.tool_name and ended_at is null) then
    select * into v_pulse from public.interaction_pulse where interaction_id = new.interaction_id for no key update;
    select * into v_grant from public.tool_grants
    where interaction_id = new.interaction_id and tool_name = new.tool_name and ended_at is null for no key update;
  else
    select * into v_pulse from public.interaction_pulse where interaction_id = new.interaction_id for key share;
  end if;
  if v_pulse.interaction_id is null then
    if exists (select from public.interactions where id = new.interaction_id and not private.is_anothers(agent_id)) then
      raise exception 'the interaction has ended' using errcode = 'FW409';
    end if;
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif private.is_anothers(v_pulse.agent_id) then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  select * into v_tool from public.agent_tools where agent_id = v_pulse.agent_id and tool_name = new.tool_name;
  new.agent_id := v_pulse.agent_id;
  new.supervisor_id := v_pulse.supervisor_id;
  new.known_tool := v_tool.id is not null;
  new.tool_description := coalesce(new.tool_description, v_tool.description);
  -- The digest over RFC 8785 cannot be made here, so the API makes it of the arguments that it stores. Only the API may: it
  -- writes as agent_runtime, which no agent's program can become, and no other role may write this column. A request
  -- stored by another role gets the digest of its text.
  if private.claim('key_id') is null or new.arguments_digest is null then
    new.arguments_digest := pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(new.arguments::text, 'UTF8')), 'hex');
  elsif new.arguments_digest !~ '^[0-9a-f]{64}$' then
    raise exception 'arguments_digest is a SHA-256 in hexadecimal' using errcode = 'FW422';
  end if;
  new.requested_at := pg_catalog.clock_timestamp();
  new.expires_at := new.requested_at + pg_catalog.make_interval(secs => private.setting('permission_seconds'));
  new.status := 'pending';
  new.grant_id := null;
  new.grant_use := null;
  if v_tool.id is not null and not v_tool.requires_permission then
    new.rule := 'not_required';
  elsif v_grant.id is not null then
    v_amount := private.covered_amount(v_grant, new, coalesce(v_tool.undo_seconds, 0));
    if v_amount is not null then
      new.rule := 'grant';
      new.grant_id := v_grant.id;
      new.grant_use := v_grant.uses + 1;
      update public.tool_grants set uses = new.grant_use, used_sum = used_sum + v_amount,
        ended_at = case when new.grant_use = max_uses then new.requested_at end,
        ended_how = case when new.grant_use = max_uses then 'used_up' end
      where id = v_grant.id;
    end if;
  end if;
  if new.rule is null then
    v_most := private.setting('pending_per_agent');
    if (select pg_catalog.count(*) from (select from public.tool_permissions t
        where t.agent_id = new.agent_id and t.status = 'pending'
          and (t.held_until is not null or t.expires_at > pg_catalog.clock_timestamp()) limit v_most) p) >= v_most then
      raise exception 'the agent already has % pending requests: ask again when one is decided', v_most using errcode = 'FW429';
    end if;
    new.requested_at := pg_catalog.clock_timestamp();
    new.expires_at := new.requested_at + pg_catalog.make_interval(secs => private.setting('permission_seconds'));
  end if;
  if new.rule is not null then
    new.status := 'allowed';
    new.responded_at := new.requested_at;
    new.execute_before := new.requested_at + pg_catalog.make_interval(secs => private.setting('execute_seconds'));
  end if;
  return new;
end $$;
comment on function private.open_tool_permission() is
  'Trigger: fills agent, supervisor and expiry; allows at once what needs no permission or is granted. FW409 on an ended interaction, FW404 on none, FW422 for what is no digest, FW429 when the agent has too many pending.';

create or replace function private.period_start(p_period text, p_time_zone text) returns timestamp with time zone
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_start timestamptz;
begin
  if p_period is null or p_period not in ('today', 'month') then
    raise exception 'unknown period %: today or month', p_period using errcode = 'FW422';
  end if;
  if p_time_zone is null then
    raise exception 'a time zone is needed' using errcode = 'FW422';
  end if;
  begin
    v_start := pg_catalog.date_trunc(case p_period when 'today' then 'day' else 'month' end,
      pg_catalog.now() at time zone p_time_zone) at time zone p_time_zone;
  exception when invalid_parameter_value then
    raise exception 'unknown time zone %', p_time_zone using errcode = 'FW422';
  end;
  -- PostgreSQL also accepts arbitrary offsets, but all real ones are multiples of a quarter of an hour.
  if v_start <> pg_catalog.date_bin('15 minutes', v_start, '2000-01-01 00:00+00') then
    raise exception 'unknown time zone %', p_time_zone using errcode = 'FW422';
  end if;
  return v_start;
end $$;
comment on function private.period_start(text, text) is
  'Start of today or of this month in a time zone; FW422 for anything else.';

create or replace function private.reap_interactions() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_silence interval := pg_catalog.make_interval(secs => private.setting('reap_seconds'));
  v_before timestamptz := pg_catalog.clock_timestamp() - v_silence;
  v_id uuid;
  v_count integer := 0;
begin
  for v_id in
    -- Metrics and turns update the pulse. A request for a tool counts as a sign of life too.
    select p.interaction_id from public.interaction_pulse p
    where p.last_seen_at < v_before
      and not exists (select from public.tool_permissions t where t.interaction_id = p.interaction_id
        and (t.status = 'pending' or t.responded_at > v_before))
    order by p.last_seen_at limit 50
  loop
    -- In the order in which an interaction ends: itself, then its pulse. If it reported meanwhile, it stays active.
    perform from public.interactions where id = v_id and status = 'active' for no key update skip locked;
    continue when not found;
    perform from public.interaction_pulse where interaction_id = v_id and last_seen_at < v_before for update;
    continue when not found;
    -- No request can be made once the pulse is locked; those made before become visible only now.
    v_before := pg_catalog.clock_timestamp() - v_silence;
    continue when exists (select from public.tool_permissions t where t.interaction_id = v_id
      and (t.status = 'pending' or t.responded_at > v_before));
    update public.interactions set status = 'failed', end_reason = 'disconnected', reaped_at = pg_catalog.clock_timestamp() where id = v_id;
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;
comment on function private.reap_interactions() is
  'Fails at most 50 active interactions not heard of for reap_seconds; how many.';
grant execute on function private.reap_interactions() to service_role;

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

comment on function private.refuse_change() is
  'Trigger: FW403 for every role.';

comment on function private.ring_agent_key() is
  'Trigger: a key was revoked; processes forget it.';

comment on function private.ring_agent_keys() is
  'Trigger: an agent was retired or reactivated, or a key was deleted; processes forget its keys.';

comment on function private.ring_user() is
  'Trigger: a person changed; their streams end, and are authorised when they reconnect.';

comment on function private.sweep(text) is
  'One batch of one step of the sweeper; how many rows, or null while another process is at it. FW422 for an unknown step.';

create or replace function private.take_slot() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' and new.supervisor_id = old.supervisor_id
     and (new.retired_at is not null or old.retired_at is null) then
    return new;
  end if;
  -- Waits for a transaction that adds an agent to the same supervisor.
  perform from public.users where id = new.supervisor_id for no key update;
  select s into new.slot from pg_catalog.generate_series(1, 3) s
  where not exists (select from public.agents a
    where a.supervisor_id = new.supervisor_id and a.slot = s and a.retired_at is null and a.id <> new.id)
  order by s limit 1;
  if new.slot is null then
    raise exception 'a supervisor has at most three agents' using errcode = 'FW409';
  end if;
  return new;
end $$;
comment on function private.take_slot() is
  'Trigger: gives an agent the lowest free slot of its supervisor; FW409 when all three are taken.';

comment on function private.waiting(jsonb) is
  'Pending requests on the whole floor and those answered lately, through the reader''s row-level security. FW422.';

comment on function private.waiting_in_turn(uuid[], integer) is
  'Pending tool permissions up to a number: the oldest of each agent first, then the second of each; and how many more there are. Of these supervisors, or all visible ones.';

create or replace function public.claim_execution(p_id uuid, p_arguments_digest text) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
  v_lives boolean;
begin
  select * into v_row from public.tool_permissions where id = p_id and agent_id = private.current_agent();
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  -- The common lock order: the interaction, its pulse, then the permission.
  perform from public.interactions where id = v_row.interaction_id for key share;
  perform from public.interaction_pulse where interaction_id = v_row.interaction_id for key share;
  v_lives := found;
  if v_row.held_until is not null then
    perform private.settle_held_permissions(p_id);
  end if;
  select * into v_row from public.tool_permissions where id = p_id for no key update;
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif v_row.status <> 'allowed' then
    raise exception 'the tool permission is %, do not run the tool', v_row.status using errcode = 'FW409';
  elsif v_row.executed_at is not null then
    raise exception 'the execution is already claimed, do not run the tool again' using errcode = 'FW409';
  elsif v_row.arguments_digest is distinct from p_arguments_digest then
    raise exception 'these are not the arguments that were allowed, do not run the tool' using errcode = 'FW409';
  elsif not v_lives then
    raise exception 'the interaction has ended, do not run the tool' using errcode = 'FW409';
  end if;
  -- Whether it is in time is checked by the trigger, when the row is stored.
  update public.tool_permissions set execution_id = pg_catalog.gen_random_uuid(), executed_at = pg_catalog.clock_timestamp()
  where id = p_id returning * into v_row;
  return v_row.execution_id;
end $$;
comment on function public.claim_execution(uuid, text) is
  'Claims the one execution; returns its id. FW409 says why not.';
grant execute on function public.claim_execution(uuid, text) to agent_runtime;

create or replace function public.deactivate_person(p_id uuid) returns setof public.users
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_admin uuid := private.require_admin();
  v_person public.users;
begin
  -- Locks all admins in one order: of two who deactivate each other, the second finds that they have no rights.
  perform from public.users where id = p_id or (role = 'admin' and deactivated_at is null) order by id for no key update;
  v_admin := private.require_admin();
  select * into v_person from public.users where id = p_id;
  if v_person.id is null then
    raise exception 'there is no such person' using errcode = 'FW404';
  elsif v_person.id = v_admin then
    raise exception 'nobody deactivates themselves: ask another admin' using errcode = 'FW409';
  end if;
  update public.users set deactivated_at = pg_catalog.now() where id = p_id and deactivated_at is null;
  perform private.close_web_sessions_of(p_id);
  return query select * from public.users where id = p_id;
end $$;
comment on function public.deactivate_person(uuid) is
  'Takes a person''s rights and ends their sessions; their history stays. FW403, FW404, FW409 for the caller themselves, so that an admin always remains.';
grant execute on function public.deactivate_person(uuid) to authenticated;

comment on function public.move_agent(uuid, uuid) is
  'Called by an admin: gives an agent, with all its interactions, to another supervisor of its type. FW403, FW404, FW409 when it is retired or they have three, FW422 for another type.';

comment on function public.note_person(uuid, text, jsonb) is
  'Writes to the audit which admin had the Auth server do something with a login: what its trigger writes cannot know. FW403, FW404, FW422.';

comment on table private.idempotency_keys is
  'Answers to POSTs of the agent API, repeated for 24 h when the same request is sent again.';

comment on table private.performance_changes is
  'Changes to be added to the sums: one row for each completed interaction, archive or change of one; negative for a deletion.';

comment on view private.agent_sums is
  'Sums of every visible agent''s completed interactions: the stored sums and the changes that are not added to them yet.';

comment on table private.performance_sums is
  'Sums of completed interactions: ever (all of an agent, starts_at -infinity), month and day (of a supervisor in a UTC month or day) and quarter (of an hour, for days and months of other time zones).';

comment on column private.performance_sums.key is
  'The agent for span ever, the supervisor for month, day and quarter.';

comment on table private.web_sessions is
  'Sessions of people in browsers. The cookie''s id is stored as sha256, the tokens encrypted with the web process''s key.';

comment on table public.agent_keys is
  'Keys of the agent API, stored as sha256. The key itself is shown once.';

comment on table public.agent_tools is
  'The tools of an agent, and which of them need a supervisor''s permission. agents.mcp_tools is derived from it and kept equal.';

comment on column public.agent_tools.undo_seconds is
  'Seconds during which an allow of this tool can be taken back by the person who gave it, and has no effect yet. 0: it has effect at once.';

comment on table public.agent_versions is
  'Every name, prompt and set of tools that an agent had, written by trigger; one version per transaction.';

comment on view public.agent_performance is
  'One row per agent, over its completed interactions. FCR is a share of those whose FCR is known.';

comment on view private.agent_cards is
  'The card of an agent that is not retired: its interaction, or how the last one ended. row_version changes with the content of the card.';

comment on table public.audit_logs is
  'Append-only: who did what to which row, and when. Triggers write it for every role; UPDATE, DELETE and TRUNCATE are refused.';

comment on column public.audit_logs.supervisor_id is
  'The supervisor concerned; null when there is none.';

comment on column public.interaction_archives.series is
  'The metrics down-sampled [[seconds, score, sentiment]], kept when the metrics are deleted.';

comment on view private.interaction_cards is
  'The active interaction on the card of its agent. The version changes with the row.';

comment on view private.interaction_rows is
  'An active interaction on the wallboard, with its newest feed line and the number of its grants.';

comment on table public.interaction_pulse is
  'One row per active interaction with its newest metric, written by triggers of realtime_metrics. The floor and the wallboard read it.';

comment on column public.interaction_pulse.last_seen_at is
  'When the agent last reported anything of it, by the database''s clock.';

comment on column public.interaction_pulse.started_at is
  'Of the interaction. Among equally bad ones the older comes first.';

comment on column public.interaction_pulse.phone_number is
  'Copied from the interaction.';

comment on column public.interaction_pulse.caller is
  'Copied from the interaction.';

comment on column public.interaction_pulse.captured_at is
  'The newest effective moment of its metrics.';

comment on column public.interaction_pulse.lag_seconds is
  'How many seconds the last metric that seemed late was behind. A metric that is as far behind comes from a slow clock and is not late.';

comment on column public.interaction_pulse.lag_at is
  'When that metric arrived.';

comment on table public.interaction_turns is
  'The live transcript: who said what. Deleted with the archive.';

comment on column public.interaction_turns.external_id is
  'The sender''s own id. A turn with the same id replaces this one.';

comment on column public.interaction_turns.final is
  'Whether the sender marked the text as complete. Then only a final turn replaces it.';

comment on column public.interaction_turns.interrupted is
  'Whether another speaker began before it was finished.';

comment on column public.interaction_turns.late is
  'Whether it arrived after the end of the interaction, at most ten minutes.';

comment on column public.interaction_turns.digest is
  'SHA-256 of its external_id, or without one of its text. With moment and speaker it identifies the turn.';

comment on view private.interaction_heads is
  'The head of an interaction''s page.';

comment on table public.interactions is
  'One call or chat of a customer with an agent. What changes all the time is in interaction_pulse.';

comment on column public.interactions.phone_number is
  'E.164; null until it is known.';

comment on column public.interactions.caller is
  'The text sent in place of a number, where it is not a usable number or says more than a number. FCR uses phone_number alone.';

comment on column public.interactions.external_id is
  'The agent''s own id, unique per agent.';

comment on column public.interactions.anonymised_at is
  'When the words and the identity of the customer were removed. Counts stay.';

comment on column public.interactions.end_reason is
  'Why it ended, in a word of the provider or one of ours: completed, handed_over, disconnected, timeout, voicemail ….';

comment on column public.interactions.reaped_at is
  'When it was failed because its agent was silent. The agent may complete it later, once.';

comment on column public.realtime_metrics.timestamp is
  'When it was captured, by the agent''s clock (captured_at in the API); one row per moment.';

comment on column public.realtime_metrics.effective_at is
  'The moment it counts for, where that is not timestamp: the time of arrival, when the agent''s clock is ahead or was set.';

comment on table public.tool_grants is
  'A standing approval of one tool in one interaction: its scope, uses and end. It ends with the interaction, after which nothing can be asked.';

comment on column public.tool_grants.permission_id is
  'The request that was allowed with it; other requests are compared with its arguments. Null for grants of an old kind.';

comment on column public.tool_grants.sum_limit is
  'The maximum sum of limit_argument in all uses.';

comment on column public.tool_grants.ended_how is
  'used_up, expired, revoked, replaced by another grant of the same tool, lapsed: the person who gave it may no longer decide for this agent; or updated: of an old kind, which ended with an update.';

comment on view private.tool_permission_cards is
  'The card of a pending tool permission. The arguments are text, exactly as they were sent.';

comment on view private.decision_cards is
  'The line of an answered tool permission.';

comment on table public.tool_permissions is
  'An agent''s request to use a tool, its decision, and its one execution.';

comment on column public.tool_permissions.arguments is
  'json and not jsonb, so that people see names and values in the order in which they were sent.';

comment on column public.tool_permissions.responded_by_name is
  'The username, or the name of an admin, at that time. A copy, because supervisors may not read each other''s rows.';

comment on column public.tool_permissions.held_decision is
  'allowed: a person has allowed it and can still take that back. The status stays pending until held_until, so that the tool does not run yet.';

comment on column public.tool_permissions.held_by is
  'The only person who can take it back.';

comment on column public.tool_permissions.held_by_name is
  'Their username, or the name of an admin. A copy, because supervisors may not read each other''s rows.';

comment on column public.tool_permissions.times_held is
  'How many times an allow was held. With held_until it orders the versions of its card.';

comment on view public.supervisor_performance is
  'One row per supervisor. Everything but active_interactions is over completed interactions. FCR is a share of those whose FCR is known.';
