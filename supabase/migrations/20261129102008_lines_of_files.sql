-- A CSV file of interactions came at 31,000 rows/s, because each line was put together from seven tables. Lines are now made when what they
-- say changes, and read.

alter table private.interaction_search add column cells text[];
comment on column private.interaction_search.cells is
  'The line of a CSV file, made by private.interaction_cells, because to put a line together takes ten times as long as to read it. Null until private.find_waiting has come by, for what ended before there was this column.';
insert into private.interactions_to_find (interaction_id, started_at)
select interaction_id, started_at from private.interaction_search
on conflict do nothing;

-- A leading sign that a spreadsheet would take for a formula gets an apostrophe; the same signs as http.FORMULA_SIGNS.
create or replace function private.csv_cell(p_text text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce('"' || case when p_text <> '' and pg_catalog.strpos(e'=+-@\uff1d\uff0b\uff0d\uff20\t\r\n', pg_catalog.left(p_text, 1)) > 0 then '''' else '' end
    || pg_catalog.replace(p_text, '"', '""') || '"', '')
$$;
comment on function private.csv_cell(text) is
  'A text as a quoted cell of a CSV file (RFC 4180); nothing for null.';
grant execute on function private.csv_cell(text) to authenticated;

-- The columns are named in server/interactions/interactions_csv.py. Of a number the file has at most the last four digits, so that three or more
-- stay hidden in every country.
create or replace function private.interaction_cells(p_interaction public.interactions, p_archive public.interaction_archives, p_satisfaction numeric, p_sentiment text) returns text[]
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

create or replace function private.find_again(p_interaction_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
  v_archive public.interaction_archives;
  v_score numeric;
  v_sentiment text;
begin
  -- The lock makes two that change at once compute one after the other, so that the last one has seen both.
  select * into v_interaction from public.interactions where id = p_interaction_id and status <> 'active' for no key update;
  if not found then
    return;
  end if;
  select * into v_archive from public.interaction_archives where interaction_id = p_interaction_id;
  select m.satisfaction_score, m.sentiment into v_score, v_sentiment from public.realtime_metrics m
  where m.interaction_id = p_interaction_id order by m.timestamp desc limit 1;
  if not found then
    v_score := (coalesce(v_archive.series, v_interaction.series) -> -1 ->> 1)::numeric;
    v_sentiment := coalesce(v_archive.series, v_interaction.series) -> -1 ->> 2;
  end if;
  v_score := coalesce(v_score, (select s.satisfaction from private.interaction_search s where s.interaction_id = p_interaction_id));
  insert into private.interaction_search (interaction_id, supervisor_id, agent_id, started_at, duration_seconds, satisfaction, csat, labels, words, cells)
  values (v_interaction.id, v_interaction.supervisor_id, v_interaction.agent_id, v_interaction.started_at, v_interaction.duration_seconds,
    v_score, v_archive.csat_score, private.interaction_labels(v_interaction, v_archive, v_sentiment),
    coalesce(private.interaction_words(v_interaction, v_archive), ''), private.interaction_cells(v_interaction, v_archive, v_score, v_sentiment))
  on conflict (interaction_id) do update set supervisor_id = excluded.supervisor_id, agent_id = excluded.agent_id, started_at = excluded.started_at,
    duration_seconds = excluded.duration_seconds, satisfaction = excluded.satisfaction, csat = excluded.csat,
    labels = excluded.labels, words = excluded.words, cells = excluded.cells;
end $$;
comment on function private.find_again(uuid) is
  'Makes the row of private.interaction_search of an interaction that has ended; nothing for one that is live or unknown.';

-- Statements are made for the filters that are set and planned for their values. Words and labels are looked for in the first 10,000 rows of
-- the order, which fill a page with what one row in 200 has, and beyond these by the GIN indexes, whatever the planner expects: it knows
-- neither how rare an unknown word is nor which labels go together, and would read all rows in order for what few have. A part of a word has
-- no index, so it is looked for in these first rows alone.
-- squawk-ignore ban-drop-function -- the new one takes the same call and gives the same columns first
drop function private.find_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[], text, boolean, text, uuid, integer);
create function private.find_interactions(p_text text, p_part boolean, p_since timestamptz, p_until timestamptz, p_supervisor_id uuid, p_agent_id uuid, p_labels text[], p_order text, p_descending boolean, p_after text, p_after_id uuid, p_limit integer) returns table(interaction_id uuid, place text, satisfaction numeric, sentiment text, agent_id uuid, supervisor_id uuid, cells text[])
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
  v_indexed := private.indexed_condition(p_text, p_labels, v_whose);
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
        using v_query, p_since, p_until, v_whose, p_agent_id, p_labels, p_limit - v_found, v_text, v_end, v_end_id;
    end if;
  exception when data_exception then  -- the place
    raise exception 'there is no such page' using errcode = 'FW422';
  end;
end $$;
comment on function private.find_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[], text, boolean, text, uuid, integer) is
  'Interactions of the reader that have ended and match, with satisfaction and sentiment at the end and the line of a CSV file as private.interaction_cells makes it, in this order, after this place: of started, duration, satisfaction or csat. p_part: the text is a part of a word of the summary or the caller, among the next 10,000. FW422.';
grant execute on function private.find_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[], text, boolean, text, uuid, integer) to authenticated;
