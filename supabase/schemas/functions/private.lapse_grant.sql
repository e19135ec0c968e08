create function private.lapse_grant() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.ended_at is null and new.granted_by <> new.supervisor_id
     and not exists (select from public.users where id = new.granted_by and role = 'admin') then
    new.ended_at := pg_catalog.clock_timestamp();
    new.ended_how := 'lapsed';
  end if;
  return new;
end $$;
comment on function private.lapse_grant() is
  'Trigger: the agent has moved to another supervisor, and a grant of the one before ends.';
