-- Time passes: dead interactions are failed, metrics and archives go. The web process calls these (one
-- replica at a time); on a hosted project pg_cron may instead.

create function private.reap_interactions() returns integer
language plpgsql security definer set search_path = '' as $$
declare
  v_count integer;
begin
  -- What else is heard from an interaction is heard in its pulse, metrics above all; asking for a tool counts too.
  with silent as (
    select p.interaction_id from public.interaction_pulse p
    where p.last_seen_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => private.setting('reap_seconds'))
      and not exists (select from public.tool_permissions t where t.interaction_id = p.interaction_id
        and (t.status = 'pending' or t.responded_at > pg_catalog.clock_timestamp()
          - pg_catalog.make_interval(secs => private.setting('reap_seconds'))))
    limit 200
  )
  update public.interactions i set status = 'failed' from silent
  where i.id = silent.interaction_id and i.status = 'active';
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function private.reap_interactions() is 'Fails at most 200 active interactions not heard of for reap_seconds; how many.';

create function private.cleanup_realtime_metrics(p_hours integer default null, p_limit integer default 5000) returns integer
language plpgsql security definer set search_path = '' as $$
declare
  v_hours integer := coalesce(p_hours, private.setting('metrics_hours'));
  v_count integer;
begin
  if v_hours < 1 then
    raise exception 'metrics are kept for at least one hour' using errcode = 'FW422';
  end if;
  -- Whole interactions at a time, so that the series kept with the archive is whole.
  create temporary table if not exists doomed (interaction_id uuid, started_at timestamptz) on commit drop;
  truncate doomed;
  insert into doomed
  select distinct x.id, x.started_at from (
    select i.id, i.started_at from public.realtime_metrics m join public.interactions i on i.id = m.interaction_id
    where i.status <> 'active' and i.ended_at < pg_catalog.now() - pg_catalog.make_interval(hours => v_hours)
      and m.created_at < pg_catalog.now() - pg_catalog.make_interval(hours => v_hours)
    order by m.created_at limit p_limit) x;
  update public.interaction_archives a set series = s.series
  from (
    select b.interaction_id, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(b.seconds, b.score, b.sentiment) order by b.seconds) as series
    from (
      select m.interaction_id, pg_catalog.min(extract(epoch from m.timestamp - d.started_at))::integer as seconds,
        pg_catalog.round(pg_catalog.avg(m.satisfaction_score), 1) as score,
        pg_catalog.mode() within group (order by m.sentiment) as sentiment
      from (select r.interaction_id, r.timestamp, r.satisfaction_score, r.sentiment,
              pg_catalog.ntile(120) over (partition by r.interaction_id order by r.timestamp) as bucket
            from public.realtime_metrics r join doomed using (interaction_id)) m
      join doomed d using (interaction_id)
      group by m.interaction_id, m.bucket
    ) b group by b.interaction_id
  ) s
  where s.interaction_id = a.interaction_id and a.series is null;
  delete from public.realtime_metrics m using doomed d where m.interaction_id = d.interaction_id;
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function private.cleanup_realtime_metrics(integer, integer) is
  'Deletes metrics of interactions that ended more than p_hours ago, after keeping 120 points of each with its archive; how many.';

create function public.cleanup_old_archives(retention_days integer default 90) returns integer
language plpgsql security definer set search_path = '' as $$
declare
  v_old uuid[];
begin
  if retention_days is null or retention_days < 1 then
    raise exception 'archives are kept for at least one day' using errcode = 'FW422';
  end if;
  select pg_catalog.array_agg(interaction_id) into v_old from (
    select interaction_id from public.interaction_archives
    where created_at < pg_catalog.now() - pg_catalog.make_interval(days => retention_days)
    order by created_at limit 1000) x;
  delete from public.interaction_archives where interaction_id = any (v_old);
  delete from public.interaction_turns where interaction_id = any (v_old);
  update public.interactions set phone_number = null where id = any (v_old) and phone_number is not null;
  return coalesce(pg_catalog.cardinality(v_old), 0);
end $$;
comment on function public.cleanup_old_archives(integer) is
  'Deletes at most 1000 archives older than so many days (1 or more) with their transcripts, anonymises the numbers; how many archives.';
grant execute on function public.cleanup_old_archives(integer) to service_role;
grant execute on function private.reap_interactions(), private.cleanup_realtime_metrics(integer, integer) to service_role;

-- One step of all of it, for the web process: a second replica finds the lock taken and does nothing.
create function private.sweep(p_retention boolean default false) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  v_done jsonb;
begin
  if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker sweep', 0)) then
    return '{}';
  end if;
  v_done := pg_catalog.jsonb_build_object('expired', private.expire_tool_permissions(), 'reaped', private.reap_interactions());
  if p_retention then
    delete from private.idempotency_keys where created_at < pg_catalog.now() - interval '24 hours';
    delete from private.web_sessions where last_seen_at < pg_catalog.now() - interval '30 days';
    v_done := v_done || pg_catalog.jsonb_build_object('metrics', private.cleanup_realtime_metrics(),
      'archives', public.cleanup_old_archives(private.setting('archive_days')));
  end if;
  return v_done;
end $$;
comment on function private.sweep(boolean) is 'Expires, reaps and, when asked, cleans up one batch; {what: how many}, empty when another replica is at it.';
grant execute on function private.sweep(boolean) to floorwalker_web;
