-- Why: satisfaction and sentiment at the end were those of different metrics on the page, in the list, in its file and in print, and metrics
-- without a score were kept as points of a series, so that the page of such an interaction did not open. Labels were put in lower case in two
-- places. A note that was sent again with other words was lost.

create or replace function private.search_label(p_label text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.lower(pg_catalog.left(p_label, 120))
$$;
comment on function private.search_label(text) is
  'A label as private.interaction_search has it, and as it is looked for: in lower case, at most 120 characters.';

create or replace function private.cleanup_realtime_metrics(p_hours integer default null::integer, p_limit integer default 500) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hours integer := coalesce(p_hours, private.setting('metrics_hours'));
  v_before timestamptz;
  v_doomed uuid[];
  v_count integer;
begin
  if v_hours < 1 or v_hours > 876000 then
    raise exception 'metrics are kept for at least one hour, and at most 876000' using errcode = 'FW422';
  elsif p_limit is null or p_limit < 1 then
    raise exception 'a batch has at least one row' using errcode = 'FW422';
  end if;
  v_before := pg_catalog.now() - pg_catalog.make_interval(hours => v_hours);
  -- The interactions whose rows are oldest, as many as the batch holds, and at least one.
  select pg_catalog.array_agg(c.id) into v_doomed from (
    select n.id, pg_catalog.sum(n.rows) over (order by n.place) - n.rows as earlier from (
      select x.id, x.place, (select pg_catalog.count(*) from (
          select from public.realtime_metrics r where r.interaction_id = x.id limit p_limit) r) as rows
      from (
        select o.id, pg_catalog.min(o.place) as place from (
          select i.id, pg_catalog.row_number() over (order by m.created_at) as place
          from public.realtime_metrics m join public.interactions i on i.id = m.interaction_id
          where m.created_at < v_before and i.ended_at < v_before
          order by m.created_at limit 100) o
        group by o.id) x
    ) n
  ) c where c.earlier < p_limit;
  if v_doomed is null then
    return 0;
  end if;
  -- A very long interaction goes in several batches; its series is made with the first, while it is whole.
  -- Metrics without a score are no points. The last score is kept as it was, and so is the last sentiment, in a point of its own
  -- when it came without a score or is another than that of the last scores.
  with ended as materialized (
    select i.id, i.started_at, e.sentiment from public.interactions i
    left join public.interaction_archives a on a.interaction_id = i.id
    cross join lateral private.ending(i.id) e
    where i.id = any (v_doomed) and i.anonymised_at is null and coalesce(a.series, i.series) is null
  ), series as (
    select b.interaction_id, coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(b.seconds, b.score, b.sentiment) order by b.seconds, b.bucket)
        filter (where b.bucket is not null), '[]')
      || coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(b.last_seconds, null, b.last_sentiment))
        filter (where b.place = 1 and b.last_sentiment is distinct from b.sentiment), '[]') as points
    from (
      select m.interaction_id, m.bucket, m.last_sentiment, pg_catalog.min(m.seconds) as seconds, pg_catalog.max(pg_catalog.max(m.seconds)) over w as last_seconds,
        case when m.bucket = pg_catalog.max(m.bucket) over w then (pg_catalog.array_agg(m.score order by m.at desc, m.timestamp desc))[1]
          else pg_catalog.round(pg_catalog.avg(m.score), 1) end as score,
        case when m.bucket is not null then pg_catalog.mode() within group (order by m.sentiment) end as sentiment,
        pg_catalog.row_number() over (partition by m.interaction_id order by m.bucket desc nulls last) as place
      from (
        select e.id as interaction_id, e.sentiment as last_sentiment, w.at, r.timestamp, extract(epoch from w.at - e.started_at)::integer as seconds,
          r.satisfaction_score as score, r.sentiment,
          case when r.satisfaction_score is not null then pg_catalog.ntile(120) over (
            partition by e.id, r.satisfaction_score is null order by w.at, r.timestamp) end as bucket
        from ended e join public.realtime_metrics r on r.interaction_id = e.id
        cross join lateral (select coalesce(r.effective_at, r.timestamp) as at) w) m
      group by m.interaction_id, m.bucket, m.last_sentiment
      window w as (partition by m.interaction_id)
    ) b group by b.interaction_id
  ), archived as (
    update public.interaction_archives a set series = s.points from series s
    where a.interaction_id = s.interaction_id returning a.interaction_id
  )
  update public.interactions i set series = s.points from series s
  where i.id = s.interaction_id and s.interaction_id not in (select interaction_id from archived);
  delete from public.realtime_metrics where ctid = any (array(
    select ctid from public.realtime_metrics where interaction_id = any (v_doomed) limit p_limit));
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function private.cleanup_realtime_metrics(integer, integer) is
  'Deletes at most p_limit metrics of interactions that ended more than p_hours ago, after keeping 120 points of each; how many. FW422.';
grant execute on function private.cleanup_realtime_metrics(integer, integer) to service_role;

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

create or replace function private.ending(p_interaction uuid, out satisfaction numeric, out sentiment text) returns record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    case when k.series is not null then (
      select (p.point ->> 1)::numeric from pg_catalog.jsonb_array_elements(k.series) with ordinality p (point, n)
      where p.point ->> 1 is not null order by p.n desc limit 1)
    else (
      select r.satisfaction_score from public.realtime_metrics r
      where r.interaction_id = p_interaction and r.satisfaction_score is not null
      order by coalesce(r.effective_at, r.timestamp) desc, r.timestamp desc limit 1) end,
    case when k.series is not null then (
      select p.point ->> 2 from pg_catalog.jsonb_array_elements(k.series) with ordinality p (point, n)
      where p.point ->> 2 is not null order by p.n desc limit 1)
    else (
      select r.sentiment from public.realtime_metrics r
      where r.interaction_id = p_interaction and r.sentiment is not null
      order by coalesce(r.effective_at, r.timestamp) desc, r.timestamp desc limit 1) end
  from (
    select coalesce(c.series, i.series) as series
    from public.interactions i left join public.interaction_archives c on c.interaction_id = i.id where i.id = p_interaction) k
$$;
comment on function private.ending(uuid) is
  'Satisfaction and sentiment at the end of an interaction: the last known of each, in the order of the pulse, from its metrics or, once these are deleted, from what is kept of them; null for what was never measured.';
grant execute on function private.ending(uuid) to authenticated;

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
  select e.satisfaction, e.sentiment into v_score, v_sentiment from private.ending(p_interaction_id) e;
  if v_score is null and v_sentiment is null then  -- what is forgotten has kept neither
    select s.satisfaction, (select pg_catalog.substr(l, 11) from pg_catalog.unnest(s.labels) l where pg_catalog.starts_with(l, 'sentiment:'))
    into v_score, v_sentiment from private.interaction_search s where s.interaction_id = p_interaction_id;
  end if;
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

create or replace function private.interaction_labels(p_interaction public.interactions, p_archive public.interaction_archives, p_sentiment text) returns text[]
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

-- Texts are compared without an index, so transcripts are read of the newest interactions alone: a supervisor has three at most, an admin up to
-- ten thousand. Planned with nested loops, because PostgreSQL read the transcripts of everybody and always to compare them with these few.
create or replace function private.live_with_text(p_text text) returns setof uuid
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_transcripts constant integer := 500;
  v_whose uuid[] := private.searchable_supervisors(null);
  v_words text[];
  v_digits text;
begin
  if pg_catalog.length(p_text) > 100 then
    raise exception 'a text to search for has at most 100 characters' using errcode = 'FW422';
  end if;
  v_words := array(
    select '%' || pg_catalog.regexp_replace(w, '([\\%_])', '\\\1', 'g') || '%' from pg_catalog.regexp_split_to_table(p_text, '\s+') w where w <> '');
  if p_text ~ '^[0-9 +()./-]+$' then
    v_digits := pg_catalog.regexp_replace(p_text, '[^0-9]', '', 'g');
  end if;
  if v_words = '{}' then
    return;
  end if;
  return query
    select p.interaction_id from public.interaction_pulse p join public.interactions i on i.id = p.interaction_id
    where (v_whose is null or p.supervisor_id = any (v_whose)) and (
      p.caller ilike all (v_words) or i.external_id ilike all (v_words) or i.livekit_room_id ilike all (v_words)
      or p.feed -> 0 ->> 'text' ilike all (v_words) or p.feed -> 1 ->> 'text' ilike all (v_words) or p.feed -> 2 ->> 'text' ilike all (v_words)
      or pg_catalog.length(v_digits) >= 3 and p.phone_number like '%' || v_digits || '%'
      or p.interaction_id::text = pg_catalog.lower(p_text))
    union
    select n.interaction_id from (
      select p.interaction_id from public.interaction_pulse p where v_whose is null or p.supervisor_id = any (v_whose)
      order by p.started_at desc, p.interaction_id desc limit v_transcripts) n
    cross join lateral (
      select from public.interaction_turns t where t.interaction_id = n.interaction_id and t.text ilike all (v_words) limit 1) t;
end $$;
comment on function private.live_with_text(text) is
  'The live interactions of the reader with all these words, each a part of a word, in one turn, in one of the last lines of the feed, in the caller, in an id or in the name of the room; or with a part of the number. Transcripts of the newest 500. FW422 for a text over 100 characters.';
grant execute on function private.live_with_text(text) to authenticated;

create or replace function private.review(p_interaction_id uuid) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select pg_catalog.jsonb_build_object(
      'status', i.status, 'anonymised', i.anonymised_at is not null, 'username', u.username, 'is_known', coalesce(i.phone_number, i.caller) is not null,
      'notes', coalesce((
        select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(n) || pg_catalog.jsonb_build_object('words', v.words) order by n.created_at, n.id)
        from public.interaction_notes n
        left join public.interaction_note_versions v on v.note_id = n.id and v.version = n.version
        where n.interaction_id = i.id), '[]'),
      -- The lines that a note may be about: the newest turns, and decisions.
      'lines', coalesce((
        select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(l) order by l.at, l.line) from (
          (select 't' || t.id as line, least(t.captured_at, t.created_at) as at, t.speaker || ': ' || pg_catalog.left(t.text, 60) as words
           from public.interaction_turns t where t.interaction_id = i.id order by least(t.captured_at, t.created_at) desc, t.id desc limit 100)
          union all
          (select 'q' || q.id, q.responded_at, pg_catalog.left(q.tool_name, 60) || ' ' || case q.status when 'timeout' then 'expired' else q.status end
           from public.tool_permissions q where q.interaction_id = i.id and q.status <> 'pending' order by q.responded_at desc limit 100)) l), '[]'),
      'flag', pg_catalog.to_jsonb(f),
      'flag_changes', coalesce((
        select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('at', l.at, 'actor', l.actor, 'changes', l.changes) order by l.id desc)
        from (select c.* from public.audit_logs c where c.row_id = f.id::text order by c.id desc limit 50) l), '[]'),
      'tags', coalesce((
        select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('tag', t.tag, 'added_by_name', t.added_by_name) order by t.added_at, t.tag)
        from public.interaction_tags t where t.interaction_id = i.id), '[]'),
      'score', pg_catalog.to_jsonb(s),
      'scorecard', pg_catalog.to_jsonb(c),
      'present', p.version,
      'reviewers', private.reviewers(i.id))
    from public.interactions i
    join public.users u on u.id = i.supervisor_id
    cross join (select max(o.version) as version from public.scorecards o) p
    left join public.interaction_flags f on f.interaction_id = i.id
    left join public.interaction_scores s on s.interaction_id = i.id
    left join public.scorecards c on c.version = coalesce(s.version, p.version)
    where i.id = p_interaction_id);
end $$;
comment on function private.review(uuid) is
  'The review of an interaction through the reader''s own row-level security: notes, flag and its changes, tags, score with its criteria, and whom it may be assigned to; null when they may not see it.';
grant execute on function private.review(uuid) to authenticated;

create or replace function private.satisfaction(p_interaction uuid) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- What is kept comes first: it is whole, while the metrics of a long interaction are deleted in several batches.
  select case when coalesce(c.series, i.series) is not null then (
      select coalesce(pg_catalog.jsonb_agg(p.point order by p.n), '[]')
      from pg_catalog.jsonb_array_elements(coalesce(c.series, i.series)) with ordinality p (point, n)
      where p.point ->> 1 is not null)
    else (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
        extract(epoch from m.at - i.started_at)::integer, m.satisfaction_score, m.sentiment) order by m.at, m.timestamp), '[]')
      from (select r.timestamp, coalesce(r.effective_at, r.timestamp) as at, r.satisfaction_score, r.sentiment
            from public.realtime_metrics r
            where r.interaction_id = i.id and r.satisfaction_score is not null order by r.timestamp desc limit 720) m) end
  from public.interactions i left join public.interaction_archives c on c.interaction_id = i.id where i.id = p_interaction
$$;
comment on function private.satisfaction(uuid) is
  'Satisfaction during an interaction: [[seconds since the start, 0 to 100, sentiment], …], the last 720, or what is kept of them.';
grant execute on function private.satisfaction(uuid) to authenticated;

create or replace function public.write_interaction_note(p_id uuid, p_interaction_id uuid, p_line text, p_words text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions := private.reviewed_interaction(p_interaction_id);
  v_words text := pg_catalog.btrim(p_words, E' \t\r\n');
  v_line text := nullif(p_line, '');
  v_note public.interaction_notes;
begin
  perform private.refuse_forgotten(v_interaction);
  if p_id is null then
    raise exception 'a note has an id' using errcode = 'FW422';
  elsif v_words is null or pg_catalog.length(v_words) not between 1 and 4000 then
    raise exception 'a note has 1 to 4,000 characters' using errcode = 'FW422';
  elsif v_line is not null and not (case
      when v_line ~ '^t[0-9]{1,18}$' then exists (
        select from public.interaction_turns t where t.id = pg_catalog.substr(v_line, 2)::bigint and t.interaction_id = v_interaction.id)
      when v_line ~ '^q[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then exists (
        select from public.tool_permissions t where t.id = pg_catalog.substr(v_line, 2)::uuid and t.interaction_id = v_interaction.id)
      else false end) then
    raise exception 'this interaction has no such line' using errcode = 'FW422';
  end if;
  select * into v_note from public.interaction_notes where id = p_id;
  if found then
    if v_note.interaction_id = v_interaction.id and v_note.author_id = private.viewer_id() then
      if v_note.line is distinct from v_line or v_words is distinct from (
          select w.words from public.interaction_note_versions w where w.note_id = p_id and w.version = 1) then
        raise exception 'this note was saved already, with other words or on another line' using errcode = 'FW409';
      end if;
      return v_note.version;  -- sent twice
    end if;
    raise exception 'this note was written already' using errcode = 'FW409';
  elsif (select pg_catalog.count(*) from public.interaction_notes where interaction_id = v_interaction.id) >= 100 then
    raise exception 'an interaction has 100 notes at most' using errcode = 'FW409';
  end if;
  insert into public.interaction_notes (id, interaction_id, supervisor_id, line, author_id, author_name)
  select p_id, v_interaction.id, v_interaction.supervisor_id, v_line, u.id, u.name from public.users u where u.id = private.viewer_id();
  insert into public.interaction_note_versions (note_id, version, words) values (p_id, 1, v_words);
  return 1;
end $$;
comment on function public.write_interaction_note(uuid, uuid, text, text) is
  'Writes a note of the viewer on an interaction or a line of it, once for one id; its version. FW404, FW409, FW422.';
grant execute on function public.write_interaction_note(uuid, uuid, text, text) to authenticated;

create or replace view private.interaction_heads with (security_invoker=true) as
 select i.id,
    i.status,
    i.interaction_type,
    i.phone_number,
    i.started_at,
    i.ended_at,
    i.duration_seconds,
    i.livekit_room_id,
    a.name as agent_name,
    u.username,
    p.last_seen_at,
    coalesce(p.sentiment, e.sentiment) as sentiment,
    coalesce(p.satisfaction_score, e.satisfaction::numeric(5,2)) as satisfaction_score,
    p.grants,
    i.caller,
    i.called_number,
    i.end_reason,
    i.is_test,
    i.agent_id,
    i.agent_version,
    i.anonymised_at,
    i.external_id
   from public.interactions i
     join public.agents a on a.id = i.agent_id
     join public.users u on u.id = i.supervisor_id
     left join public.interaction_pulse p on p.interaction_id = i.id
     left join lateral private.ending(i.id) e on i.status <> 'active';
comment on view private.interaction_heads is
  'The head of an interaction''s page, with satisfaction and sentiment now or at the end.';
grant select on private.interaction_heads to authenticated;

-- What the search says of satisfaction and sentiment at the end is made again where it may be another now.
insert into private.interactions_to_find (interaction_id, started_at)
select s.interaction_id, s.started_at
from private.interaction_search s join public.interactions i on i.id = s.interaction_id
left join public.interaction_archives c on c.interaction_id = s.interaction_id
cross join lateral (select coalesce(c.series, i.series) as series) k
where k.series is null or (k.series -> -1 ->> 1)::numeric is distinct from s.satisfaction or k.series -> -1 ->> 2 is null
on conflict do nothing;
