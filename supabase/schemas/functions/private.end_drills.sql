create function private.end_drills() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count integer;
begin
  with over as materialized (
    select d.id, private.drill_stands(d) as stands from private.drills d where d.outcome is null
    order by d.expires_at limit 200 for update skip locked
  )
  update private.drills d set outcome = case when o.stands then 'missed' else 'withdrawn' end, ended_at = pg_catalog.clock_timestamp(),
    arguments = null, arguments_digest = null, last_arguments = null
  from over o where d.id = o.id and (not o.stands or d.expires_at <= pg_catalog.clock_timestamp());
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function private.end_drills() is
  'Ends drills whose time is over, or whose place is lost; how many.';
