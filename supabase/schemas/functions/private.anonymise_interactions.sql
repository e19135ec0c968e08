create function private.anonymise_interactions(p_days integer default null::integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
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
