create function private.held_settings() returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_object_agg(s.name, coalesce(pg_catalog.to_jsonb(s.value), pg_catalog.to_jsonb(s.words)))
  from private.settings s where s.name in ('stale_seconds', 'reasons');
$$;
comment on function private.held_settings() is
  'The settings of which a web process keeps a copy: {stale_seconds, reasons}.';
grant execute on function private.held_settings() to floorwalker_web;
