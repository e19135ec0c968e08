create function private.search_label(p_label text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.lower(pg_catalog.left(p_label, 120))
$$;
comment on function private.search_label(text) is
  'A label as private.interaction_search has it, and as it is looked for: in lower case, at most 120 characters.';
