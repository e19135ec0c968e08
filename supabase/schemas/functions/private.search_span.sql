create function private.search_span(p_since timestamptz, p_until timestamptz, p_supervisor_ids uuid[], p_agent_id uuid) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.concat_ws(' and ', 'true',
    case when p_since is not null then 's.started_at >= $2' end,
    case when p_until is not null then 's.started_at < $3' end,
    case when pg_catalog.cardinality(p_supervisor_ids) = 1 then 's.supervisor_id = $4[1]' when p_supervisor_ids is not null then 's.supervisor_id = any ($4)' end,
    case when p_agent_id is not null then 's.agent_id = $5' end)
$$;
comment on function private.search_span(timestamptz, timestamptz, uuid[], uuid) is
  'The condition on private.interaction_search s that time and people make: $2 since, $3 until, $4 supervisors, $5 agent.';
