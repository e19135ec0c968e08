create function private.update_fcr_on_delete() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.settle_fcr(old.phone_number, old.started_at - interval '3 days', old.started_at);
  return null;
end $$;
comment on function private.update_fcr_on_delete() is
  'Trigger: an interaction with a known number was deleted.';
