create function private.check_parent() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- One change at a time, because two could close a circle together.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('parents of agents', 0));
  if exists (
    with recursive parents as (
      select a.id, a.template_parent_id from public.agents a where a.id = new.template_parent_id
      union select a.id, a.template_parent_id from public.agents a join parents p on a.id = p.template_parent_id)
    select from parents where id = new.id) then
    raise exception 'an agent is no clone of its own clones' using errcode = 'FW422';
  end if;
  return new;
end $$;
comment on function private.check_parent() is
  'Trigger: the parents of an agent do not lead back to it. FW422.';
