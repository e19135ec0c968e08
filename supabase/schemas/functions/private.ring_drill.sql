create function private.ring_drill() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The topic of real requests, so that a page reads a drill as soon, and a listener cannot tell one from the other.
  perform pg_catalog.pg_notify('floor', 'tool_permissions:' || new.supervisor_id);
  return null;
end $$;
comment on function private.ring_drill() is
  'Trigger: NOTIFY floor, ''tool_permissions:<supervisor_id>''.';
