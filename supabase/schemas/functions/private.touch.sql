create function private.touch() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := pg_catalog.now();
  return new;
end $$;
comment on function private.touch() is
  'Trigger: keeps updated_at.';
