-- Time passes, in small steps: each is one short transaction, so that nobody on the floor waits for it. What an
-- interaction said is forgotten when its archive goes, or when it never got one and is as old.

alter table public.interactions add column anonymised_at timestamptz, add column series jsonb;
comment on column public.interactions.anonymised_at is 'When what the customer said and who they are was removed; the counts stay.';
comment on column public.interactions.series is 'The metrics down-sampled as in interaction_archives, for an interaction without an archive.';
-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; the table is built in a second per million rows
create index interactions_to_anonymise on public.interactions (ended_at) where ended_at is not null and anonymised_at is null;
-- squawk-ignore require-concurrent-index-creation -- as above
create index profile_faults_created on private.profile_faults (created_at);

-- Their work is done by the unique (interaction_id, timestamp): a metric costs one index less.
-- squawk-ignore require-concurrent-index-deletion -- a migration is one transaction; dropping takes no time
drop index public.realtime_metrics_owner, public.interaction_turns_owner;

-- A day of a large floor is 50 million rows, and as many go each day.
alter table public.realtime_metrics set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

create function private.forget(p_interaction_ids uuid[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  update public.interactions set anonymised_at = pg_catalog.now(), phone_number = null, livekit_room_id = null,
    external_id = null, series = null
  where id = any (p_interaction_ids) and status <> 'active' and anonymised_at is null;
  update public.tool_permissions set arguments = '{}', reason = null, execution_result = null
  where interaction_id = any (p_interaction_ids)
    and (arguments::text <> '{}' or reason is not null or execution_result is not null);
  delete from public.interaction_turns where interaction_id = any (p_interaction_ids);
$$;
comment on function private.forget(uuid[]) is
  'Removes numbers, names of rooms, transcripts and arguments of ended interactions; who decided what, when and the digest stay.';

create or replace function private.guard_tool_permission() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if new.arguments::text = '{}' and (new.reason, new.execution_result) is not distinct from (null::text, null::jsonb)
     and exists (select from public.interactions where id = new.interaction_id and anonymised_at is not null) then
    -- Forgotten: the words go, and nothing else changes.
    new.arguments := old.arguments;
    new.reason := old.reason;
    new.execution_result := old.execution_result;
    if pg_catalog.to_jsonb(new) - 'supervisor_response' <> pg_catalog.to_jsonb(old) - 'supervisor_response' then  -- generated later
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
    new.arguments := '{}';
    new.reason := null;
    new.execution_result := null;
    return new;
  end if;
  if old.status <> 'pending' and new.status is distinct from old.status then
    raise exception 'the tool permission is already %', old.status using errcode = 'FW409';
  elsif old.status <> 'pending' and (new.responded_at, new.responded_by, new.responded_by_name, new.reason)
        is distinct from (old.responded_at, old.responded_by, old.responded_by_name, old.reason) then
    raise exception 'what was decided does not change' using errcode = 'FW409';
  elsif old.status = 'pending' and new.status in ('allowed', 'denied')
        and old.expires_at <= pg_catalog.clock_timestamp() then
    raise exception 'the tool permission has expired' using errcode = 'FW409';
  elsif old.status = 'pending' and new.status = 'timeout' and old.expires_at > pg_catalog.clock_timestamp() then
    raise exception 'the tool permission has not expired yet' using errcode = 'FW409';
  elsif old.executed_at is not null and new.execution_id is distinct from old.execution_id then
    raise exception 'the execution is already claimed' using errcode = 'FW409';
  elsif (new.interaction_id, new.tool_name, new.arguments::text, new.arguments_digest, new.requested_at, new.expires_at)
        is distinct from (old.interaction_id, old.tool_name, old.arguments::text, old.arguments_digest, old.requested_at, old.expires_at) then
    raise exception 'a tool permission''s request does not change' using errcode = 'FW409';
  end if;
  if old.status = 'pending' and new.status in ('timeout', 'cancelled') then
    new.responded_at := pg_catalog.clock_timestamp();
  end if;
  return new;
end $$;
comment on function private.guard_tool_permission() is
  'Trigger: one decision, before expiry, one execution, of what was asked; words go when the interaction is forgotten. FW409 otherwise, whoever writes.';

create or replace function private.reap_interactions() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_before timestamptz := pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => private.setting('reap_seconds'));
  v_id uuid;
  v_count integer := 0;
begin
  for v_id in
    -- What else is heard from an interaction is heard in its pulse, metrics above all; asking for a tool counts too.
    select p.interaction_id from public.interaction_pulse p
    where p.last_seen_at < v_before
      and not exists (select from public.tool_permissions t where t.interaction_id = p.interaction_id
        and (t.status = 'pending' or t.responded_at > v_before))
    order by p.last_seen_at limit 50
  loop
    -- In the order in which an interaction ends: itself, then its pulse; heard of meanwhile, it lives.
    perform from public.interactions where id = v_id and status = 'active' for no key update skip locked;
    continue when not found;
    perform from public.interaction_pulse where interaction_id = v_id and last_seen_at < v_before for update;
    continue when not found;
    update public.interactions set status = 'failed' where id = v_id;
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;
comment on function private.reap_interactions() is 'Fails at most 50 active interactions not heard of for reap_seconds; how many.';

create or replace function private.cleanup_realtime_metrics(p_hours integer default null, p_limit integer default 500) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
  with series as (
    select b.interaction_id, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(b.seconds, b.score, b.sentiment) order by b.seconds) as points
    from (
      select m.interaction_id, pg_catalog.min(extract(epoch from m.timestamp - m.started_at))::integer as seconds,
        pg_catalog.round(pg_catalog.avg(m.satisfaction_score), 1) as score,
        pg_catalog.mode() within group (order by m.sentiment) as sentiment
      from (select r.interaction_id, i.started_at, r.timestamp, r.satisfaction_score, r.sentiment,
              pg_catalog.ntile(120) over (partition by r.interaction_id order by r.timestamp) as bucket
            from public.interactions i
            join public.realtime_metrics r on r.interaction_id = i.id
            left join public.interaction_archives a on a.interaction_id = i.id
            where i.id = any (v_doomed) and i.anonymised_at is null and coalesce(a.series, i.series) is null) m
      group by m.interaction_id, m.bucket
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

-- squawk-ignore ban-drop-function -- the new one takes the same call
drop function public.cleanup_old_archives(integer);
create function public.cleanup_old_archives(retention_days integer default 90, at_most integer default null) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_old uuid[];
begin
  if retention_days is null or retention_days < 1 or retention_days > 36500 then
    raise exception 'archives are kept for at least one day, and at most 36500' using errcode = 'FW422';
  elsif at_most < 1 then
    raise exception 'a batch has at least one archive' using errcode = 'FW422';
  end if;
  v_old := array(
    select interaction_id from public.interaction_archives
    where created_at < pg_catalog.now() - pg_catalog.make_interval(days => retention_days)
    order by created_at limit at_most);
  delete from public.interaction_archives where interaction_id = any (v_old);
  perform private.forget(v_old);
  return pg_catalog.cardinality(v_old);
end $$;
comment on function public.cleanup_old_archives(integer, integer) is
  'Deletes archives older than so many days (1 to 36500), all or the oldest at_most, and forgets what their interactions said; how many. FW422.';
revoke all on function public.cleanup_old_archives(integer, integer) from public, anon, authenticated;
grant execute on function public.cleanup_old_archives(integer, integer) to service_role;

create function private.anonymise_interactions(p_days integer default null) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_days integer := coalesce(p_days, private.setting('archive_days'));
  v_old uuid[];
begin
  if v_days < 1 or v_days > 36500 then
    raise exception 'interactions are kept whole for at least one day, and at most 36500' using errcode = 'FW422';
  end if;
  v_old := array(
    select i.id from public.interactions i
    where i.ended_at < pg_catalog.now() - pg_catalog.make_interval(days => v_days) and i.anonymised_at is null
      and not exists (select from public.interaction_archives a where a.interaction_id = i.id)
    order by i.ended_at limit 50);
  perform private.forget(v_old);
  return pg_catalog.cardinality(v_old);
end $$;
comment on function private.anonymise_interactions(integer) is
  'Forgets what at most 50 interactions said that ended more than so many days ago and have no archive (any more); how many. FW422.';
grant execute on function private.anonymise_interactions(integer) to service_role;

create function private.cleanup_leftovers() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
  -- Quarters of an hour are for the day on which a period begins, and that is of this month, wherever on Earth.
  delete from private.performance_sums where ctid = any (array(
    select ctid from private.performance_sums
    where span = 'quarter' and starts_at < pg_catalog.now() - interval '40 days' order by starts_at limit 1000));
  get diagnostics v_count = row_count;
  return v_all + v_count;
end $$;
comment on function private.cleanup_leftovers() is
  'Deletes a batch of idempotency keys older than 24 h, sessions unseen for 30 days, profile faults as old as archives, sums by quarters of 40 days ago; how many.';
grant execute on function private.cleanup_leftovers() to service_role;

-- One step of one kind in a transaction of its own. Whoever comes second to the same kind does nothing, so any
-- number of web processes, and pg_cron beside them, may call it as often as they like.
-- squawk-ignore ban-drop-function -- a web process of the release before logs it and goes on until it is replaced
drop function private.sweep(boolean);
create function private.sweep(p_step text) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_step is null or p_step not in ('expiry', 'reaping', 'performance', 'metrics', 'archives', 'interactions', 'leftovers') then
    raise exception 'unknown step %: expiry, reaping, performance, metrics, archives, interactions or leftovers', p_step
      using errcode = 'FW422';
  end if;
  if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker sweep ' || p_step, 0)) then
    return null;
  end if;
  return case p_step
    when 'expiry' then private.expire_tool_permissions()
    when 'reaping' then private.reap_interactions()
    when 'performance' then private.fold_performance()
    when 'metrics' then private.cleanup_realtime_metrics()
    when 'archives' then public.cleanup_old_archives(private.setting('archive_days'), 50)
    when 'interactions' then private.anonymise_interactions()
    when 'leftovers' then private.cleanup_leftovers() end;
end $$;
comment on function private.sweep(text) is
  'One batch of one step of what time does; how many rows, or null while another is at it. FW422 for an unknown step.';
grant execute on function private.sweep(text) to floorwalker_web, service_role;
