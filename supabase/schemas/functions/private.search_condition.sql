create function private.search_condition(p_text text, p_part boolean, p_since timestamptz, p_until timestamptz, p_supervisor_ids uuid[], p_agent_id uuid, p_labels text[]) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.concat_ws(' and ', 'true',
    case when p_text is null then null
      when p_part then '(exists (select from public.interaction_archives a where a.interaction_id = s.interaction_id and a.summary ilike $8)
        or exists (select from public.interactions i where i.id = s.interaction_id and i.caller ilike $8))'
      when p_text ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' then '(s.words @@ $1 or s.interaction_id = $8::uuid)'
      else 's.words @@ $1' end,
    case when p_since is not null then 's.started_at >= $2' end,
    case when p_until is not null then 's.started_at < $3' end,
    case when pg_catalog.cardinality(p_supervisor_ids) = 1 then 's.supervisor_id = $4[1]' when p_supervisor_ids is not null then 's.supervisor_id = any ($4)' end,
    case when p_agent_id is not null then 's.agent_id = $5' end,
    case when pg_catalog.cardinality(p_labels) > 0 then 's.labels @> $6' end)
$$;
comment on function private.search_condition(text, boolean, timestamptz, timestamptz, uuid[], uuid, text[]) is
  'The condition on private.interaction_search s that these filters make: $1 the tsquery, $2 since, $3 until, $4 supervisors, $5 agent, $6 labels, $8 the text.';
