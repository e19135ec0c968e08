create function public.cleanup_old_archives(retention_days integer default 90, at_most integer default null::integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
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
grant execute on function public.cleanup_old_archives(integer, integer) to service_role;
