create function private.indexed_condition(p_text text, p_labels text[], p_supervisor_ids uuid[]) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.concat_ws(' and ',
    case when p_text ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' then '(s.words @@ $1 or s.interaction_id = $8::uuid)'
      when p_text is not null then 's.words @@ $1' end,
    case when pg_catalog.cardinality(p_supervisor_ids) = 1 then '(s.labels || s.supervisor_id::text) @> (coalesce($6, ''{}'') || $4[1]::text)'
      when pg_catalog.cardinality(p_labels) > 0 then '(s.labels || s.supervisor_id::text) @> $6' end)
$$;
comment on function private.indexed_condition(text, text[], uuid[]) is
  'What private.search_condition and the supervisor of private.search_span say, as the GIN indexes take it, so that of a large history the rows of one supervisor alone are read.';
