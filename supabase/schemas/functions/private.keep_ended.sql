create function private.keep_ended() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.claim('key_id') is not null and (new.livekit_room_id is distinct from old.livekit_room_id
      or not private.takes_late(old)) then
    raise exception 'the interaction has ended' using errcode = 'FW409';
  end if;
  return new;
end $$;
comment on function private.keep_ended() is
  'Trigger: of an ended interaction an agent may change only the numbers, and only while late values are accepted. FW409.';
