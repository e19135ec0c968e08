create function private.lock_agent() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from public.agents where id = old.agent_id for no key update;
  return old;
end $$;
comment on function private.lock_agent() is
  'Trigger: an active interaction is deleted with its agent locked before its pulse, as it ends.';
