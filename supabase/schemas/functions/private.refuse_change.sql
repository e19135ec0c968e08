create function private.refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'what is recorded stays as it is' using errcode = 'FW403';
end $$;
comment on function private.refuse_change() is
  'Trigger: FW403 for every role.';
