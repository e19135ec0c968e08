-- In two steps, as private.find_interactions. Averages are those of all that match, or, of more than ten thousand, of those among the newest
-- 20,000 rows, because what an index names has no order.
create function private.count_interactions(p_text text, p_part boolean, p_since timestamptz, p_until timestamptz, p_supervisor_id uuid, p_agent_id uuid, p_labels text[]) returns table(found bigint, averaged bigint, csat numeric, satisfaction numeric, duration numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_window constant integer := 20000;
  v_most constant integer := 10000;
  v_whose uuid[] := private.searchable_supervisors(p_supervisor_id);
  v_labels text[];
  v_span text;
  v_match text;
  v_keys text[];
  v_indexed text;
  v_query tsquery;
  v_text text;
  v_counted constant text := 'select count(*), count(*), avg(c.csat), avg(c.satisfaction), avg(c.duration_seconds) from (%s) c';
  v_columns constant text := 's.csat, s.satisfaction, s.duration_seconds';
  v_newest text;
  v_found bigint;
  v_averaged bigint;
  v_csat numeric;
  v_satisfaction numeric;
  v_duration numeric;
  v_more bigint;
begin
  if pg_catalog.length(p_text) > 100 then
    raise exception 'a text to search for has at most 100 characters' using errcode = 'FW422';
  end if;
  v_labels := array(select private.search_label(l) from pg_catalog.unnest(p_labels) l where l <> '-test');
  v_span := private.search_span(p_since, p_until, v_whose, p_agent_id)
    || case when '-test' = any (p_labels) then $label$ and not s.labels @> '{test}'$label$ else '' end;
  v_match := private.search_condition(p_text, p_part, v_labels);
  v_keys := private.searched_keys(v_labels, v_whose);
  v_indexed := private.indexed_condition(p_text, v_keys);
  v_query := private.search_query(p_text);
  v_text := case when p_part then '%' || pg_catalog.regexp_replace(p_text, '([\\%_])', '\\\1', 'g') || '%' else p_text end;
  v_newest := pg_catalog.format('select s.* from private.interaction_search s where %s order by s.started_at desc, s.interaction_id desc limit $7', v_span);
  execute pg_catalog.format(v_counted, pg_catalog.format('select %s from (%s) s where %s limit $9', v_columns, v_newest, coalesce(v_match, 'true')))
    into v_found, v_averaged, v_csat, v_satisfaction, v_duration
    using v_query, p_since, p_until, v_whose, p_agent_id, v_labels, case when v_match is null then v_most + 1 else v_window end, v_text, v_most + 1;
  if v_match is not null and not p_part and v_found <= v_most then
    execute pg_catalog.format('select count(*) from (select from private.interaction_search s where %s limit $7) w', v_span)
      into v_more using v_query, p_since, p_until, v_whose, p_agent_id, v_labels, v_window + 1;
    if v_more > v_window then
      execute pg_catalog.format('select count(*) from (select from (select s.* from private.interaction_search s where %s offset 0) s where %s limit $7) c', v_indexed, v_span)
        into v_more using v_query, p_since, p_until, v_whose, p_agent_id, v_keys, v_most + 1, v_text;
      if v_more > v_most then
        v_found := v_more;
      elsif v_more > v_found then
        execute pg_catalog.format(v_counted, pg_catalog.format('select %s from (select s.* from private.interaction_search s where %s offset 0) s where %s', v_columns, v_indexed, v_span))
          into v_found, v_averaged, v_csat, v_satisfaction, v_duration using v_query, p_since, p_until, v_whose, p_agent_id, v_keys, v_most, v_text;
      end if;
    end if;
  end if;
  return query select v_found, v_averaged, v_csat, v_satisfaction, v_duration;
end $$;
comment on function private.count_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[]) is
  'How many match what private.find_interactions takes, 10001 for more than ten thousand, and of how many of them the averages are: CSAT, satisfaction at the end, seconds. FW422 for a text over 100 characters.';
grant execute on function private.count_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[]) to authenticated;
