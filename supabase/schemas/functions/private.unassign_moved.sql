create function private.unassign_moved() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.assigned_to = old.supervisor_id then
    new.assigned_to := null;
    new.assigned_name := null;
  end if;
  return new;
end $$;
comment on function private.unassign_moved() is
  'Trigger: a flag that moves to another supervisor with its agent is no longer assigned to the one who cannot see it any more.';
