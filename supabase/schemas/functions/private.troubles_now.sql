create function private.troubles_now() returns table(name text)
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
