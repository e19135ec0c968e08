create function private.indexed_condition(p_text text, p_keys text[]) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.concat_ws(' and ',
    private.search_condition(p_text, false, null),
    case when p_keys is not null then 'private.search_keys(s.labels, s.supervisor_id) @> $6' end)
$$;
comment on function private.indexed_condition(text, text[]) is
  'What private.search_condition says of a text, and these of private.searched_keys, as the GIN indexes take it: $1 the tsquery, $6 the keys, $8 the text.';
