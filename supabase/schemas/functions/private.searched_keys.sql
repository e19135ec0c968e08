create function private.searched_keys(p_labels text[], p_supervisor_ids uuid[]) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case when pg_catalog.cardinality(p_supervisor_ids) = 1
    then coalesce(nullif(array(select p_supervisor_ids[1]::text || ' ' || l from unnest(p_labels) l), '{}'), array[p_supervisor_ids[1]::text])
    else nullif(p_labels, '{}') end
$$;
comment on function private.searched_keys(text[], uuid[]) is
  'Those of private.search_keys that all rows have which these labels, and one supervisor if there is one, choose; null for none.';
