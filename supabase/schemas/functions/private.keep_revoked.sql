create function private.keep_revoked() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'the key is already revoked' using errcode = 'FW409';
end $$;
comment on function private.keep_revoked() is
  'Trigger: a key that was revoked stays revoked. FW409.';
