create function private.search_keys(p_labels text[], p_supervisor_id uuid) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select p_labels || array(select p_supervisor_id::text || ' ' || l from unnest(p_labels) l) || p_supervisor_id::text
$$;
comment on function private.search_keys(text[], uuid) is
  'What an interaction is found by in private.interaction_search_labels: its labels, each also with its supervisor before it, and the supervisor alone.';
