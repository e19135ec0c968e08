create function private.is_zone(p_name text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (select from pg_catalog.pg_timezone_names z where z.name = p_name)
$$;
comment on function private.is_zone(text) is
  'Whether PostgreSQL knows a time zone of this name; false for null.';
