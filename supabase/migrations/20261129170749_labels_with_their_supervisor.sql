-- With ten million interactions, a filter of a supervisor that few rows match took 110 ms: the rows of each label and those of the supervisor were
-- read to their end. The index now has each label with its supervisor as well.

-- squawk-ignore require-concurrent-index-deletion -- a migration is one transaction
drop index private.interaction_search_labels;

-- squawk-ignore ban-drop-function -- nobody but the two functions below calls it
drop function private.indexed_condition(text,text[],uuid[]);

create or replace function private.search_keys(p_labels text[], p_supervisor_id uuid) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select p_labels || array(select p_supervisor_id::text || ' ' || l from unnest(p_labels) l) || p_supervisor_id::text
$$;
comment on function private.search_keys(text[], uuid) is
  'What an interaction is found by in private.interaction_search_labels: its labels, each also with its supervisor before it, and the supervisor alone.';

-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; built in about twenty seconds per million rows
create index interaction_search_labels on private.interaction_search using gin (private.search_keys(labels, supervisor_id));

-- In two steps, as private.find_interactions. Averages are those of all that match, or, of more than ten thousand, of those among the newest
-- 20,000 rows, because what an index names has no order.
create or replace function private.count_interactions(p_text text, p_part boolean, p_since timestamptz, p_until timestamptz, p_supervisor_id uuid, p_agent_id uuid, p_labels text[]) returns table(found bigint, averaged bigint, csat numeric, satisfaction numeric, duration numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_window constant integer := 20000;
  v_most constant integer := 10000;
  v_whose uuid[] := private.searchable_supervisors(p_supervisor_id);
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
  v_span := private.search_span(p_since, p_until, v_whose, p_agent_id);
  v_match := private.search_condition(p_text, p_part, p_labels);
  v_keys := private.searched_keys(p_labels, v_whose);
  v_indexed := private.indexed_condition(p_text, v_keys);
  v_query := private.search_query(p_text);
  v_text := case when p_part then '%' || pg_catalog.regexp_replace(p_text, '([\\%_])', '\\\1', 'g') || '%' else p_text end;
  v_newest := pg_catalog.format('select s.* from private.interaction_search s where %s order by s.started_at desc, s.interaction_id desc limit $7', v_span);
  execute pg_catalog.format(v_counted, pg_catalog.format('select %s from (%s) s where %s limit $9', v_columns, v_newest, coalesce(v_match, 'true')))
    into v_found, v_averaged, v_csat, v_satisfaction, v_duration
    using v_query, p_since, p_until, v_whose, p_agent_id, p_labels, case when v_match is null then v_most + 1 else v_window end, v_text, v_most + 1;
  if v_match is not null and not p_part and v_found <= v_most then
    execute pg_catalog.format('select count(*) from (select from private.interaction_search s where %s limit $7) w', v_span)
      into v_more using v_query, p_since, p_until, v_whose, p_agent_id, p_labels, v_window + 1;
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
  'How many match, 10001 for more than ten thousand, and of how many of them the averages are: CSAT, satisfaction at the end, seconds. FW422 for a text over 100 characters.';
grant execute on function private.count_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[]) to authenticated;

-- Statements are made for the filters that are set and planned for their values. Words and labels are looked for in the first 10,000 rows of
-- the order, which fill a page with what one row in 200 has, and beyond these by the GIN indexes, whatever the planner expects: it knows
-- neither how rare an unknown word is nor which labels go together, and would read all rows in order for what few have. A part of a word has
-- no index, so it is looked for in these first rows alone.
create or replace function private.find_interactions(p_text text, p_part boolean, p_since timestamptz, p_until timestamptz, p_supervisor_id uuid, p_agent_id uuid, p_labels text[], p_order text, p_descending boolean, p_after text, p_after_id uuid, p_limit integer) returns table(interaction_id uuid, place text, satisfaction numeric, sentiment text, agent_id uuid, supervisor_id uuid, cells text[])
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_window constant integer := 10000;
  v_column text := case p_order when 'started' then 'started_at' when 'duration' then 'duration_seconds' when 'satisfaction' then 'satisfaction' when 'csat' then 'csat' end;
  v_type text := case p_order when 'started' then 'timestamptz' when 'duration' then 'integer' else 'numeric' end;
  v_whose uuid[] := private.searchable_supervisors(p_supervisor_id);
  v_order text;
  v_sentiment text;
  v_shown text;
  v_beyond text;
  v_known text := case when p_order in ('satisfaction', 'csat') then pg_catalog.format('and s.%I is not null', v_column) end;
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
  v_span := private.search_span(p_since, p_until, v_whose, p_agent_id);
  v_match := private.search_condition(p_text, p_part, p_labels);
  v_keys := private.searched_keys(p_labels, v_whose);
  v_indexed := private.indexed_condition(p_text, v_keys);
  v_query := private.search_query(p_text);
  v_text := case when p_part then '%' || pg_catalog.regexp_replace(p_text, '([\\%_])', '\\\1', 'g') || '%' else p_text end;
  v_rows := pg_catalog.format('private.interaction_search s where %s %s %s', v_span, v_known, case when p_after_id is not null then 'and ' || v_beyond end);
  begin
    if v_match is null then
      return query execute pg_catalog.format('select %s from %s %s limit $7', v_shown, v_rows, v_order)
        using v_query, p_since, p_until, v_whose, p_agent_id, p_labels, p_limit, v_text, p_after, p_after_id;
      return;
    end if;
    return query execute pg_catalog.format('select %s from (select s.* from %s %s limit $11) s where %s %3$s limit $7', v_shown, v_rows, v_order, v_match)
      using v_query, p_since, p_until, v_whose, p_agent_id, p_labels, p_limit, v_text, p_after, p_after_id, v_window;
    get diagnostics v_found = row_count;
    if v_found = p_limit or p_part then
      return;
    end if;
    execute pg_catalog.format('select s.%I::text, s.interaction_id from %s %s offset $11 limit 1', v_column, v_rows, v_order)
      into v_end, v_end_id using v_query, p_since, p_until, v_whose, p_agent_id, p_labels, p_limit, v_text, p_after, p_after_id, v_window - 1;
    if v_end_id is not null then
      return query execute pg_catalog.format('select %s from (select s.* from private.interaction_search s where %s offset 0) s where %s %s and %s %s limit $7',
        v_shown, v_indexed, v_span, v_known, v_beyond, v_order)
        using v_query, p_since, p_until, v_whose, p_agent_id, v_keys, p_limit - v_found, v_text, v_end, v_end_id;
    end if;
  exception when data_exception then  -- the place
    raise exception 'there is no such page' using errcode = 'FW422';
  end;
end $$;
comment on function private.find_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[], text, boolean, text, uuid, integer) is
  'Interactions of the reader that have ended and match, with satisfaction and sentiment at the end and the line of a CSV file as private.interaction_cells makes it, in this order, after this place: of started, duration, satisfaction or csat. p_part: the text is a part of a word of the summary or the caller, among the next 10,000. FW422.';
grant execute on function private.find_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[], text, boolean, text, uuid, integer) to authenticated;

create or replace function private.indexed_condition(p_text text, p_keys text[]) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.concat_ws(' and ',
    private.search_condition(p_text, false, null),
    case when p_keys is not null then 'private.search_keys(s.labels, s.supervisor_id) @> $6' end)
$$;
comment on function private.indexed_condition(text, text[]) is
  'What private.search_condition says of a text, and these of private.searched_keys, as the GIN indexes take it: $1 the tsquery, $6 the keys, $8 the text.';

create or replace function private.searched_keys(p_labels text[], p_supervisor_ids uuid[]) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case when pg_catalog.cardinality(p_supervisor_ids) = 1
    then coalesce(nullif(array(select p_supervisor_ids[1]::text || ' ' || l from unnest(p_labels) l), '{}'), array[p_supervisor_ids[1]::text])
    else nullif(p_labels, '{}') end
$$;
comment on function private.searched_keys(text[], uuid[]) is
  'Those of private.search_keys that all rows have which these labels, and one supervisor if there is one, choose; null for none.';
