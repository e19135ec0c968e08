-- The columns are named in server/interactions/interactions_csv.py. Of a number the file has at most the last four digits, so that three or more
-- stay hidden in every country.
create function private.interaction_cells(p_interaction public.interactions, p_archive public.interaction_archives, p_satisfaction numeric, p_sentiment text) returns text[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
begin  -- plpgsql keeps the plan, which takes longer to make than the line
  return (
    select array[
      pg_catalog.concat_ws(',', (p_interaction).started_at, (p_interaction).ended_at, (p_interaction).duration_seconds),
      pg_catalog.concat_ws(',', (p_interaction).interaction_type,
        private.csv_cell(coalesce('···' || pg_catalog.right((p_interaction).phone_number, least(4, pg_catalog.length((p_interaction).phone_number) - 7)),
          pg_catalog.regexp_replace(pg_catalog.regexp_replace((p_interaction).caller, '[^\s@:<]*@', '···@', 'g'), '\d', '·', 'g'))),
        (p_interaction).status, private.csv_cell((p_interaction).end_reason), coalesce(p_satisfaction::text, ''), coalesce(p_sentiment, ''),
        coalesce((p_archive).csat_score::text, ''),
        coalesce((select pg_catalog.bool_or(e ->> 'status' <> 'resolved') from pg_catalog.jsonb_array_elements((p_archive).issues) e)::text, ''),
        private.csv_cell((select pg_catalog.string_agg(t, ', ') from pg_catalog.jsonb_array_elements_text(
          case when pg_catalog.jsonb_typeof((p_archive).tags -> 'topics') = 'array' then (p_archive).tags -> 'topics' end) t)),
        private.csv_cell(coalesce((select pg_catalog.string_agg(t, ', ' order by n, t) from (
          select i as t, 0 as n from pg_catalog.unnest(private.issue_tags((p_archive).tags)) i
          union all
          select o.tag, pg_catalog.row_number() over (order by o.added_at, o.tag) from public.interaction_tags o
          where o.interaction_id = (p_interaction).id) every), '')),
        private.csv_cell(pg_catalog.left((p_archive).summary, 300)),
        d.allowed, d.denied, d.expired, d.automatic,
        coalesce((select f.state from public.interaction_flags f where f.interaction_id = (p_interaction).id), ''),
        (p_interaction).is_test, (p_interaction).id)]
    from (
      select pg_catalog.count(*) filter (where t.status = 'allowed' and t.rule is null) as allowed,
        pg_catalog.count(*) filter (where t.status = 'denied') as denied, pg_catalog.count(*) filter (where t.status = 'timeout') as expired,
        pg_catalog.count(*) filter (where t.status = 'allowed' and t.rule is not null) as automatic
      from public.tool_permissions t where t.interaction_id = (p_interaction).id and t.rule is distinct from 'not_required') d);
end $$;
comment on function private.interaction_cells(public.interactions, public.interaction_archives, numeric, text) is
  'The line of an interaction in a CSV file in two parts: before the names of agent and supervisor, which are added when it is read, and after them.';
