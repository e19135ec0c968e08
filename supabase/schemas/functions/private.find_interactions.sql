-- Statements are made for the filters that are set and planned for their values. Words and labels are looked for in the first 10,000 rows of
-- the order, which fill a page with what one row in 200 has, and beyond these by the GIN indexes, whatever the planner expects: it knows
-- neither how rare an unknown word is nor which labels go together, and would read all rows in order for what few have. A part of a word has
-- no index, so it is looked for in these first rows alone.
create function private.find_interactions(p_text text, p_part boolean, p_since timestamptz, p_until timestamptz, p_supervisor_id uuid, p_agent_id uuid, p_labels text[], p_order text, p_descending boolean, p_after text, p_after_id uuid, p_limit integer) returns table(interaction_id uuid, place text, satisfaction numeric, sentiment text, agent_id uuid, supervisor_id uuid, cells text[])
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_window constant integer := 10000;
  v_rare constant integer := 5;
  v_column text := case p_order when 'started' then 'started_at' when 'duration' then 'duration_seconds' when 'satisfaction' then 'satisfaction' when 'csat' then 'csat' end;
  v_type text := case p_order when 'started' then 'timestamptz' when 'duration' then 'integer' else 'numeric' end;
  v_whose uuid[] := private.searchable_supervisors(p_supervisor_id);
  v_order text;
  v_sentiment text;
  v_shown text;
  v_beyond text;
  v_known text := case when p_order in ('satisfaction', 'csat') then pg_catalog.format('and s.%I is not null', v_column) end;
  v_labels text[];
  v_span text;
  v_match text;
  v_keys text[];
  v_indexed text;
  v_query tsquery;
  v_text text;
  v_rows text;
  v_end text;
  v_end_id uuid;
  v_found integer;
begin
  if v_column is null or p_limit is null or p_limit not between 1 and 10001 then
    raise exception 'an order is started, duration, satisfaction or csat, and a limit 1 to 10001' using errcode = 'FW422';
  end if;
  if pg_catalog.length(p_text) > 100 then
    raise exception 'a text to search for has at most 100 characters' using errcode = 'FW422';
  end if;
  v_order := pg_catalog.format('order by s.%1$I %2$s, s.interaction_id %2$s', v_column, case when p_descending then 'desc' else 'asc' end);
  v_sentiment := $label$(select substr(l, 11) from unnest(s.labels) l where starts_with(l, 'sentiment:'))$label$;
  v_shown := pg_catalog.format($shown$s.interaction_id, s.%I::text, s.satisfaction, %s, s.agent_id, s.supervisor_id, coalesce(s.cells, (
    select private.interaction_cells(i, c, s.satisfaction, %2$s)
    from public.interactions i left join public.interaction_archives c on c.interaction_id = i.id where i.id = s.interaction_id))$shown$, v_column, v_sentiment);
  v_beyond := pg_catalog.format('(s.%I, s.interaction_id) %s ($9::%s, $10)', v_column, case when p_descending then '<' else '>' end, v_type);
  v_labels := array(select private.search_label(l) from pg_catalog.unnest(p_labels) l where l <> '-test');
  v_span := private.search_span(p_since, p_until, v_whose, p_agent_id)
    || case when '-test' = any (p_labels) then $label$ and not s.labels @> '{test}'$label$ else '' end;
  v_match := private.search_condition(p_text, p_part, v_labels);
  v_keys := private.searched_keys(v_labels, v_whose);
  v_indexed := private.indexed_condition(p_text, v_keys);
  v_query := private.search_query(p_text);
  v_text := case when p_part then '%' || pg_catalog.regexp_replace(p_text, '([\\%_])', '\\\1', 'g') || '%' else p_text end;
  v_rows := pg_catalog.format('private.interaction_search s where %s %s %s', v_span, v_known, case when p_after_id is not null then 'and ' || v_beyond end);
  begin
    if v_match is null then
      return query execute pg_catalog.format('select %s from %s %s limit $7', v_shown, v_rows, v_order)
        using v_query, p_since, p_until, v_whose, p_agent_id, v_labels, p_limit, v_text, p_after, p_after_id;
      return;
    end if;
    return query execute pg_catalog.format('select %s from (select s.* from %s %s limit $11) s where %s %3$s limit $7', v_shown, v_rows, v_order, v_match)
      using v_query, p_since, p_until, v_whose, p_agent_id, v_labels, p_limit, v_text, p_after, p_after_id, v_window;
    get diagnostics v_found = row_count;
    if v_found = p_limit or p_part then
      return;
    end if;
    execute pg_catalog.format('select s.%I::text, s.interaction_id from %s %s offset $11 limit 1', v_column, v_rows, v_order)
      into v_end, v_end_id using v_query, p_since, p_until, v_whose, p_agent_id, v_labels, p_limit, v_text, p_after, p_after_id, v_window - 1;
    if v_end_id is not null then
      -- What these rows hardly have is rare: the index of words alone names few. Those of all rows of a supervisor are more, but the planner
      -- expects as many of a word that it does not know.
      if v_query is not null and pg_catalog.cardinality(v_labels) = 0 and v_found < v_rare then
        v_indexed := private.indexed_condition(p_text, null);
      end if;
      return query execute pg_catalog.format('select %s from (select s.* from private.interaction_search s where %s offset 0) s where %s %s and %s %s limit $7',
        v_shown, v_indexed, v_span, v_known, v_beyond, v_order)
        using v_query, p_since, p_until, v_whose, p_agent_id, v_keys, p_limit - v_found, v_text, v_end, v_end_id;
    end if;
  exception when data_exception then  -- the place
    raise exception 'there is no such page' using errcode = 'FW422';
  end;
end $$;
comment on function private.find_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[], text, boolean, text, uuid, integer) is
  'Interactions of the reader that have ended and match, with satisfaction and sentiment at the end and the line of a CSV file as private.interaction_cells makes it, in this order, after this place: of started, duration, satisfaction or csat. Of p_labels, -test means no test interaction. p_part: the text is a part of a word of the summary or the caller, among the next 10,000. FW422.';
grant execute on function private.find_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[], text, boolean, text, uuid, integer) to authenticated;
