create function private.issue_tags(p_tags jsonb) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.array_agg(distinct e ->> 'tag'), '{}')
  from pg_catalog.jsonb_array_elements(
    case when pg_catalog.jsonb_typeof(p_tags -> 'issues') = 'array' then p_tags -> 'issues' else '[]' end) e
$$;
comment on function private.issue_tags(jsonb) is
  'The issue tags of an archive''s tags; none of what has another shape.';
grant execute on function private.issue_tags(jsonb) to authenticated;
