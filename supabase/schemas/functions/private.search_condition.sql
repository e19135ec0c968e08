create function private.search_condition(p_text text, p_part boolean, p_labels text[]) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select nullif(pg_catalog.concat_ws(' and ',
    case when p_text is null then null
      when p_part then '(exists (select from public.interaction_archives a where a.interaction_id = s.interaction_id and a.summary ilike $8)
        or exists (select from public.interactions i where i.id = s.interaction_id and i.caller ilike $8))'
      when p_text ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' then '(s.words @@ $1 or s.interaction_id = $8::uuid)'
      else 's.words @@ $1' end,
    case when pg_catalog.cardinality(p_labels) > 0 then 's.labels @> $6' end), '')
$$;
comment on function private.search_condition(text, boolean, text[]) is
  'The condition on private.interaction_search s that a text and labels make, null for none: $1 the tsquery, $6 labels, $8 the text.';
