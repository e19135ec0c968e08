create function private.ring_user() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.pg_notify('floor', 'users:' || new.id);
  return null;
end $$;
comment on function private.ring_user() is
  'Trigger: a person changed; their streams end, and are authorised when they reconnect.';
