create function private.valid_criteria(p_criteria jsonb) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select p_criteria is not null and pg_catalog.jsonb_typeof(p_criteria) = 'array' and not exists (
      select from pg_catalog.jsonb_array_elements(case pg_catalog.jsonb_typeof(p_criteria) when 'array' then p_criteria else '[]' end) e
      where pg_catalog.jsonb_typeof(e -> 'name') is distinct from 'string' or pg_catalog.length(pg_catalog.btrim(e ->> 'name')) not between 1 and 80
        or pg_catalog.jsonb_typeof(e -> 'meaning') is distinct from 'string' or pg_catalog.length(e ->> 'meaning') > 500
        or pg_catalog.jsonb_typeof(e -> 'weight') is distinct from 'number' or (e ->> 'weight') !~ '^([1-9][0-9]?|100)$')
    and (
      select pg_catalog.count(*) between 1 and 20 and pg_catalog.count(*) = pg_catalog.count(distinct pg_catalog.lower(e ->> 'name'))
      from pg_catalog.jsonb_array_elements(case pg_catalog.jsonb_typeof(p_criteria) when 'array' then p_criteria else '[]' end) e)
$$;
comment on function private.valid_criteria(jsonb) is
  '[{name: 1 to 80 characters, no two alike, meaning: at most 500, weight: 1 to 100}], 1 to 20 of them';
