create function private.keep_ended() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.claim('key_id') is not null and (new.livekit_room_id is distinct from old.livekit_room_id
      or old.ended_at < pg_catalog.clock_timestamp() - interval '10 minutes' or old.anonymised_at is not null) then
    raise exception 'the interaction has ended' using errcode = 'FW409';
  end if;
  return new;
end $$;
comment on function private.keep_ended() is
  'Trigger: of an ended interaction an agent changes the number alone, for ten minutes. FW409.';
