create function private.search_query(p_text text) returns tsquery
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.regexp_replace(pg_catalog.plainto_tsquery('pg_catalog.simple', p_text)::text, '''(?= &|$)', ''':*', 'g')::tsquery
    || coalesce((select pg_catalog.string_agg(d || ':*', ' | ')::tsquery from pg_catalog.unnest(private.search_digits(p_text)) d), '')
    || case when p_text ~ '^\S+$' then ('''' || pg_catalog.replace(pg_catalog.replace(pg_catalog.lower(p_text), '\', '\\'), '''', '''''') || ''':*')::tsquery else '' end
$$;
comment on function private.search_query(text) is
  'The words of a search, each as the beginning of a word and all of them; or a part of a phone number; or the beginning of an id.';
