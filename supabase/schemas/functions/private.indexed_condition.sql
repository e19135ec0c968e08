create function private.indexed_condition(p_text text, p_labels text[], p_supervisor_ids uuid[]) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.concat_ws(' and ',
    private.search_condition(p_text, false, null),
    case when pg_catalog.cardinality(p_supervisor_ids) = 1 then '(s.labels || s.supervisor_id::text) @> (coalesce($6, ''{}'') || $4[1]::text)'
      when pg_catalog.cardinality(p_labels) > 0 then '(s.labels || s.supervisor_id::text) @> $6' end)
$$;
comment on function private.indexed_condition(text, text[], uuid[]) is
  'What private.search_condition and the supervisor of private.search_span say, as the GIN indexes take it, so that of a large history the rows of one supervisor alone are read.';
