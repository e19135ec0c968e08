create function private.interaction_labels(p_interaction public.interactions, p_archive public.interaction_archives, p_sentiment text) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.array_agg(distinct private.search_label(l.label)) from (
    select 'channel:' || (p_interaction).interaction_type as label
    union all select 'outcome:' || (p_interaction).status
    union all select 'sentiment:' || p_sentiment
    union all select 'test' where (p_interaction).is_test
    union all select 'csat:' || case when (p_archive).csat_score < 50 then 'low' when (p_archive).csat_score < 80 then 'middle' else 'high' end
      where (p_archive).csat_score is not null
    union all select 'topic:' || t from pg_catalog.jsonb_array_elements_text(coalesce((p_archive).tags -> 'topics', '[]')) t
    union all select 'tag:' || t from pg_catalog.unnest(private.issue_tags((p_archive).tags)) t
    union all select 'tag:' || t.tag from public.interaction_tags t where t.interaction_id = (p_interaction).id
    union all select pg_catalog.unnest(case f.state when 'done' then array['flag:done'] else array['flag:yes', 'flag:' || f.state] end)
      from public.interaction_flags f where f.interaction_id = (p_interaction).id
    union all select 'issue:' || (e ->> 'issue') from pg_catalog.jsonb_array_elements(coalesce((p_archive).issues, '[]')) e
    union all select 'issues:' || case e ->> 'status' when 'resolved' then 'resolved' else 'open' end
      from pg_catalog.jsonb_array_elements(coalesce((p_archive).issues, '[]')) e
    union all select 'decision:' || case when t.rule is not null and t.status = 'allowed' then 'automatic' else t.status end
      from public.tool_permissions t where t.interaction_id = (p_interaction).id and t.rule is distinct from 'not_required') l
  where l.label is not null
$$;
comment on function private.interaction_labels(public.interactions, public.interaction_archives, text) is
  'The labels of private.interaction_search, at most 120 characters each.';
