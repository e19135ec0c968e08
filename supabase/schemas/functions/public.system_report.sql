create function public.system_report() returns jsonb
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
