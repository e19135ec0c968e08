create function private.follow_phone_number() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update public.interaction_pulse set phone_number = new.phone_number, caller = new.caller where interaction_id = new.id;
  return null;
end $$;
comment on function private.follow_phone_number() is
  'Trigger: copies phone_number and caller to the pulse.';
