create function private.valid_tags(p_tags jsonb) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select p_tags is null or (pg_catalog.jsonb_typeof(p_tags) = 'object'
    and pg_catalog.jsonb_typeof(coalesce(p_tags -> 'topics', '[]')) = 'array'
    and pg_catalog.jsonb_typeof(coalesce(p_tags -> 'issues', '[]')) = 'array'
    and coalesce(p_tags ->> 'sentiment', 'neutral') in ('good', 'neutral', 'critical')
    and not exists (
      select from pg_catalog.jsonb_array_elements(
        case when pg_catalog.jsonb_typeof(p_tags -> 'issues') = 'array' then p_tags -> 'issues' else '[]' end) e
      where pg_catalog.jsonb_typeof(e) <> 'object' or coalesce(e ->> 'tag', '') = ''
        or coalesce(e ->> 'status', '') not in ('resolved', 'unresolved')))
$$;
comment on function private.valid_tags(jsonb) is
  '{topics: [], sentiment, issues: [{tag, status: resolved|unresolved}]}';
grant execute on function private.valid_tags(jsonb) to agent_runtime, service_role;
