-- Why: an admin who opens the system page wants to know first whether anything is wrong, since when, and what to do.

create table private.troubles (
  name text not null,
  since timestamptz not null,
  ended_at timestamptz,
  constraint troubles_pkey primary key (name),
  constraint troubles_order check (ended_at >= since)
);

comment on table private.troubles is
  'What the system page calls not OK, one row a kind: since when, and when it ended. The row ''looked'' says since when somebody looks, and when last.';
comment on constraint troubles_pkey on private.troubles is 'a trouble has one row';
comment on constraint troubles_order on private.troubles is 'a trouble ends after it began';

alter table private.troubles enable row level security;

create or replace function private.note_troubles() returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();
begin
  insert into private.troubles as t (name, since, ended_at) values ('looked', v_now, v_now)
  on conflict (name) do update set ended_at = v_now where t.ended_at < v_now - interval '20 seconds';
  if not found then
    return;  -- somebody has just looked
  end if;
  insert into private.troubles as t (name, since) select n.name, v_now from private.troubles_now() n
  on conflict (name) do update set since = v_now, ended_at = null where t.ended_at is not null;
  update private.troubles t set ended_at = v_now
  where t.ended_at is null and not exists (select from private.troubles_now() n where n.name = t.name);
end $$;
comment on function private.note_troubles() is
  'Writes down which troubles began and ended, every 20 seconds at most.';

create or replace function private.open_views() returns table(name text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select n.nspname || '.' || c.relname
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('public', 'private', 'sdr', 'eleven', 'escalation') and c.relkind = 'v'
    and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'e')
    and not coalesce((select o.option_value::boolean from pg_catalog.pg_options_to_table(c.reloptions) o
      where o.option_name = 'security_invoker'), false)
$$;
comment on function private.open_views() is
  'Views of this database that pass row-level security.';

create or replace function private.sweep(p_step text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_done integer;
begin
  if p_step is null or p_step not in ('expiry', 'reaping', 'performance', 'metrics', 'archives', 'interactions', 'leftovers', 'alerts') then
    raise exception 'unknown step %: expiry, reaping, performance, metrics, archives, interactions, leftovers or alerts', p_step
      using errcode = 'FW422';
  end if;
  if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker sweep ' || p_step, 0)) then
    return null;
  end if;
  v_done := case p_step
    when 'expiry' then private.expire_tool_permissions()
    when 'reaping' then private.reap_interactions() + private.end_overlong()
    when 'performance' then private.fold_performance()
    when 'alerts' then private.evaluate_alerts()
    when 'metrics' then private.cleanup_realtime_metrics()
    when 'archives' then public.cleanup_old_archives(private.setting('archive_days'), 50)
    when 'interactions' then private.anonymise_interactions()
    when 'leftovers' then private.cleanup_leftovers() end;
  -- Not a step of its own, so that the last release's server does this too; not counted, because nothing ends.
  if p_step = 'reaping' then
    perform private.mark_silent();
  elsif p_step = 'performance' then
    perform private.find_waiting();
    perform private.fill_decision_search();
  elsif p_step = 'alerts' then
    perform private.note_troubles();
  end if;
  return v_done;
end $$;
comment on function private.sweep(text) is
  'One batch of one step of the sweeper; how many rows, or null while another process is at it. FW422 for an unknown step.';
grant execute on function private.sweep(text) to floorwalker_web, service_role;

create or replace function private.troubles_now() returns table(name text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select 'queue' where pg_catalog.pg_notification_queue_usage() > 0.5
  union all
  select 'connections' from pg_catalog.pg_stat_activity a where a.datname = pg_catalog.current_database()
    having pg_catalog.count(*) > 0.8 * pg_catalog.current_setting('max_connections')::integer
  union all
  select 'transaction' where exists (select from pg_catalog.pg_stat_activity a where a.datname = pg_catalog.current_database()
    and a.backend_type = 'client backend' and a.pid <> pg_catalog.pg_backend_pid() and a.xact_start < pg_catalog.now() - interval '15 minutes')
  union all
  -- The sweeper marks what has expired within a second.
  select 'sweeper' where exists (select from public.tool_permissions t where t.status = 'pending' and t.held_until is null
    and t.expires_at < pg_catalog.now() - interval '30 seconds')
  union all
  select 'sums' from (select from private.performance_changes limit 100000) c having pg_catalog.count(*) = 100000
  union all
  select 'views' where exists (select from private.open_views())
  union all
  select 'profiles' where exists (select from private.profile_faults f where f.created_at > pg_catalog.now() - interval '1 day')
$$;
comment on function private.troubles_now() is
  'The troubles that the database sees at this moment, by name.';

create or replace function public.system_report() returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_statements text := (select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements');
  v_slow jsonb;
begin
  if private.viewer_role() is distinct from 'admin' then
    raise exception 'only admins see the system page' using errcode = 'FW403';
  end if;
  if v_statements is not null then
    begin
      execute pg_catalog.format(
        'select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s) order by s.mean desc), ''[]'') from (
          select pg_catalog.left(query, 300) as query, calls, mean_exec_time as mean, max_exec_time as max, total_exec_time as total
          from %I.pg_stat_statements where dbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
            and calls > 1 order by mean_exec_time desc limit 10) s', v_statements) into v_slow;
    exception when others then
      v_slow := null;  -- not preloaded: installed and without an answer
    end;
  end if;
  return pg_catalog.jsonb_build_object(
    'database', pg_catalog.jsonb_build_object(
      'version', pg_catalog.current_setting('server_version'),
      'bytes', pg_catalog.pg_database_size(pg_catalog.current_database()),
      'connections', (select pg_catalog.count(*) from pg_catalog.pg_stat_activity where datname = pg_catalog.current_database()),
      'max_connections', pg_catalog.current_setting('max_connections')::integer,
      'notification_queue', pg_catalog.pg_notification_queue_usage(),
      'oldest_transaction', (select pg_catalog.min(xact_start) from pg_catalog.pg_stat_activity
        where datname = pg_catalog.current_database() and pid <> pg_catalog.pg_backend_pid())),
    'tables', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(t) order by t.bytes desc, t.name), '[]') from (
      select s.schemaname || '.' || s.relname as name, pg_catalog.pg_total_relation_size(s.relid) as bytes,
        pg_catalog.pg_indexes_size(s.relid) as index_bytes, s.n_live_tup as rows, s.n_dead_tup as dead_rows,
        s.seq_scan as whole_reads, coalesce(s.idx_scan, 0) as index_reads, greatest(s.last_vacuum, s.last_autovacuum) as vacuumed_at
      from pg_catalog.pg_stat_user_tables s where s.schemaname in ('public', 'private')) t),
    'unused_indexes', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(u) order by u.bytes desc, u.name), '[]') from (
      select s.schemaname || '.' || s.indexrelname as name, pg_catalog.pg_relation_size(s.indexrelid) as bytes
      from pg_catalog.pg_stat_user_indexes s join pg_catalog.pg_index i on i.indexrelid = s.indexrelid
      where s.schemaname in ('public', 'private') and s.idx_scan = 0 and not i.indisunique) u),
    'open_views', (select coalesce(pg_catalog.jsonb_agg(v.name order by v.name), '[]') from private.open_views() v),
    'slow', v_slow,
    'troubles', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', n.name,
        'since', coalesce(case when t.ended_at is null then t.since end, pg_catalog.now())) order by t.since, n.name), '[]')
      from private.troubles_now() n left join private.troubles t on t.name = n.name),
    -- Since the last trouble ended; without one, since somebody looks.
    'ok_since', (select pg_catalog.max(case when t.name = 'looked' then t.since else coalesce(t.ended_at, pg_catalog.now()) end) from private.troubles t),
    'retention', pg_catalog.jsonb_build_object(
      'metrics_hours', private.setting('metrics_hours'), 'archive_days', private.setting('archive_days'),
      'oldest_metric', (select pg_catalog.min(created_at) from public.realtime_metrics),
      'oldest_archive', (select pg_catalog.min(created_at) from public.interaction_archives),
      'oldest_not_forgotten', (select pg_catalog.min(ended_at) from public.interactions where ended_at is not null and anonymised_at is null),
      'not_folded', (select pg_catalog.count(*) from (select from private.performance_changes limit 100000) c)),
    'faults', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(f) order by f.created_at desc), '[]') from (
      select user_id, reason, created_at from private.profile_faults order by created_at desc limit 10) f));
end $$;
comment on function public.system_report() is
  'What is not OK and since when, sizes, index use, views that pass row-level security, slow queries, retention and faults, for admins. FW403.';
grant execute on function public.system_report() to authenticated;
