create function private.valid_issues(p_issues jsonb) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select p_issues is null or (pg_catalog.jsonb_typeof(p_issues) = 'array' and not exists (
    select from pg_catalog.jsonb_array_elements(
      case when pg_catalog.jsonb_typeof(p_issues) = 'array' then p_issues else '[]' end) e
    where pg_catalog.jsonb_typeof(e) <> 'object' or coalesce(e ->> 'issue', '') = ''
      or coalesce(e ->> 'status', '') not in ('resolved', 'unresolved')
      or coalesce(e ->> 'priority', 'low') not in ('low', 'medium', 'high')))
$$;
comment on function private.valid_issues(jsonb) is
  '[{issue, status: resolved|unresolved, priority?: low|medium|high}]';
grant execute on function private.valid_issues(jsonb) to agent_runtime, service_role;
