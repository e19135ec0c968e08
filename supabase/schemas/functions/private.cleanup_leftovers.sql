create function private.cleanup_leftovers() returns integer
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
  delete from public.alerts where id = any (array(
    select o.id from (select id, opened_at, closed_at from public.alerts order by opened_at limit 1000) o
    where o.closed_at < pg_catalog.now() - pg_catalog.make_interval(days => private.setting('archive_days'))));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  -- The leaderboard reaches back 397 days; what began earlier is never the edge of a range.
  delete from private.performance_sums where ctid = any (array(
    select ctid from private.performance_sums
    where span = 'quarter' and starts_at < pg_catalog.now() - interval '400 days' order by starts_at limit 1000));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.performance_sums where ctid = any (array(
    select ctid from private.performance_sums
    where span = 'agent_quarter' and starts_at < pg_catalog.now() - interval '400 days' order by starts_at limit 1000));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.performance_sums where ctid = any (array(
    select ctid from private.performance_sums
    where span = 'agent_day' and starts_at < pg_catalog.now() - interval '400 days' order by starts_at limit 1000));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.performance_ranges where id = any (array(
    select id from private.performance_ranges where asked_at < pg_catalog.now() - interval '3 days' limit 10));
  get diagnostics v_count = row_count;
  return v_all + v_count;
end $$;
comment on function private.cleanup_leftovers() is
  'Deletes a batch of idempotency keys older than 24 h, sessions unseen for 30 days, profile faults, deliveries and closed alerts as old as archives, signals that were given a day ago, sums by agents'' days and by quarters of 400 days ago, sums of ranges that nobody asked for in three days; how many.';
grant execute on function private.cleanup_leftovers() to service_role;
