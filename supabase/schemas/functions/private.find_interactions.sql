-- The statement is made for the filters that are set and planned for their values, because one plan for all of them would read by
-- time what few rows have, or by word what every row has.
create function private.find_interactions(p_text text, p_part boolean, p_since timestamptz, p_until timestamptz, p_supervisor_id uuid, p_agent_id uuid, p_labels text[], p_order text, p_descending boolean, p_after text, p_after_id uuid, p_limit integer) returns table(interaction_id uuid, place text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_column text := case p_order when 'started' then 'started_at' when 'duration' then 'duration_seconds' when 'satisfaction' then 'satisfaction' when 'csat' then 'csat' end;
  v_type text := case p_order when 'started' then 'timestamptz' when 'duration' then 'integer' else 'numeric' end;
  v_whose uuid[] := private.searchable_supervisors(p_supervisor_id);
  v_way text := case when p_descending then 'desc' else 'asc' end;
begin
  if v_column is null or p_limit is null or p_limit not between 1 and 10001 then
    raise exception 'an order is started, duration, satisfaction or csat, and a limit 1 to 10001' using errcode = 'FW422';
  end if;
  if pg_catalog.length(p_text) > 100 then
    raise exception 'a text to search for has at most 100 characters' using errcode = 'FW422';
  end if;
  begin
    return query execute pg_catalog.format('select s.interaction_id, s.%1$I::text from private.interaction_search s where %2$s %3$s %4$s order by s.%1$I %5$s, s.interaction_id %5$s limit $7',
      v_column, private.search_condition(p_text, p_part, p_since, p_until, v_whose, p_agent_id, p_labels),
      case when p_order in ('satisfaction', 'csat') then pg_catalog.format('and s.%I is not null', v_column) end,
      case when p_after_id is not null then pg_catalog.format('and (s.%I, s.interaction_id) %s ($9::%s, $10)', v_column, case when p_descending then '<' else '>' end, v_type) end,
      v_way)
    using private.search_query(p_text), p_since, p_until, v_whose, p_agent_id, p_labels, p_limit,
      case when p_part then '%' || pg_catalog.regexp_replace(p_text, '([\\%_])', '\\\1', 'g') || '%' else p_text end, p_after, p_after_id;
  exception when data_exception then  -- the place
    raise exception 'there is no such page' using errcode = 'FW422';
  end;
end $$;
comment on function private.find_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[], text, boolean, text, uuid, integer) is
  'Interactions of the reader that have ended and match, in this order, after this place: of started, duration, satisfaction or csat. p_part: the text is a part of a word of the summary or the caller. FW422.';
grant execute on function private.find_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[], text, boolean, text, uuid, integer) to authenticated;
