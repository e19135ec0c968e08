create function private.ring_settings() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.pg_notify('floor', 'settings:');
  return null;
end $$;
comment on function private.ring_settings() is
  'Trigger: a setting may have changed; each web process reads its copies again.';
