create function private.find_waiting() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
begin
  with taken as (
    delete from private.interactions_to_find where interaction_id in (
      select interaction_id from private.interactions_to_find order by started_at desc limit 200 for update skip locked)
    returning interaction_id)
  select pg_catalog.array_agg(interaction_id) into v_ids from taken;
  perform private.find_again(t) from pg_catalog.unnest(v_ids) t;
  return coalesce(pg_catalog.cardinality(v_ids), 0);
end $$;
comment on function private.find_waiting() is
  'Makes at most 200 rows of private.interaction_search that wait, the newest first; how many.';
