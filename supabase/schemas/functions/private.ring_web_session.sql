create function private.ring_web_session() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.pg_notify('floor', 'web_sessions:' || old.id);
  return null;
end $$;
comment on function private.ring_web_session() is
  'Trigger: a session ended; its streams end too.';
