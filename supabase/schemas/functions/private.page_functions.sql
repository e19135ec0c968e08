create function private.page_functions() returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_object_agg(p.name, p.function) from private.pages p
$$;
comment on function private.page_functions() is
  'Page → the function of this schema that reads it.';
grant execute on function private.page_functions() to floorwalker_web;
