create function private.update_fcr_on_number() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.phone_number is null then
    update public.interaction_archives set fcr_status = null where interaction_id = new.id and fcr_status is not null;
  end if;
  perform private.settle_fcr(old.phone_number, old.started_at - interval '3 days', old.started_at);
  perform private.settle_fcr(new.phone_number, new.started_at - interval '3 days', new.started_at);
  return null;
end $$;
comment on function private.update_fcr_on_number() is
  'Trigger: the number of an interaction became known, changed or was anonymised.';
