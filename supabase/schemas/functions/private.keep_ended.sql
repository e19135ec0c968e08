create function private.keep_ended() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.claim('key_id') is not null then
    raise exception 'the interaction has ended' using errcode = 'FW409';
  end if;
  return new;
end $$;
comment on function private.keep_ended() is
  'Trigger: an agent changes nothing of an ended interaction. FW409.';
