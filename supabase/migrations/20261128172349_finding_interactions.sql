-- The page Interactions: what it filters and searches by, in one table, because no index spans four.

-- What the page Interactions filters and searches by. Interactions, archives, decisions and turns have it in four tables, and no index
-- spans them; a policy would also keep the indexes of words from being used, because their operators are not leakproof.
create table private.interaction_search (
  interaction_id uuid not null,
  supervisor_id uuid not null,
  agent_id uuid not null,
  started_at timestamptz not null,
  duration_seconds integer not null,
  satisfaction numeric(5,2),
  csat numeric(5,2),
  labels text[] not null,
  words tsvector not null,
  constraint interaction_search_pkey primary key (interaction_id),
  constraint interaction_search_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
);

comment on table private.interaction_search is
  'One row for each interaction that has ended, made by private.find_again. Read by private.find_interactions alone.';
comment on column private.interaction_search.satisfaction is 'At the end, 0 to 100; null when it was never measured.';
comment on column private.interaction_search.csat is '0 to 100; null without an answer.';
comment on column private.interaction_search.labels is
  'What the interaction is found by, in small letters: a name and a value, as in channel:voice or topic:refund; and the word test. The sentiment is that of the end. Made by private.interaction_labels.';
comment on column private.interaction_search.words is
  'Words of the summary, the transcript and the caller, ids, and every end of the phone number of three digits or more, so that a part of it is the beginning of one.';
comment on constraint interaction_search_pkey on private.interaction_search is
  'an interaction is found once';
comment on constraint interaction_search_interaction on private.interaction_search is
  'what is found is an interaction that exists';

-- The foreign key, which cascades when an agent moves.
create index interaction_search_owner on private.interaction_search (interaction_id, supervisor_id);
-- The newest of everybody.
create index interaction_search_started on private.interaction_search (started_at desc, interaction_id desc);
-- A supervisor's, newest first.
create index interaction_search_supervisor on private.interaction_search (supervisor_id, started_at desc, interaction_id desc);
-- An agent's, newest first.
create index interaction_search_agent on private.interaction_search (agent_id, started_at desc, interaction_id desc);
-- By duration.
create index interaction_search_duration on private.interaction_search (duration_seconds, interaction_id);
-- By satisfaction at the end.
create index interaction_search_satisfaction on private.interaction_search (satisfaction, interaction_id)
  where satisfaction is not null;
-- By CSAT.
create index interaction_search_csat on private.interaction_search (csat, interaction_id) where csat is not null;
-- What has these labels.
create index interaction_search_labels on private.interaction_search using gin (labels);
-- What has these words.
create index interaction_search_words on private.interaction_search using gin (words);

create table private.interactions_to_find (
  interaction_id uuid not null,
  started_at timestamptz not null,
  constraint interactions_to_find_pkey primary key (interaction_id)
);

comment on table private.interactions_to_find is
  'Interactions whose row of private.interaction_search is made later, the newest first: those that had ended before that table came, and those of which a turn arrived late.';
comment on constraint interactions_to_find_pkey on private.interactions_to_find is
  'an interaction waits once';

-- The newest first.
create index interactions_to_find_newest on private.interactions_to_find (started_at desc);

-- Through functions alone, which judge themselves whose rows the reader may see.
alter table private.interaction_search enable row level security;
alter table private.interactions_to_find enable row level security;

create or replace function private.interaction_labels(p_interaction public.interactions, p_archive public.interaction_archives, p_sentiment text) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.array_agg(distinct pg_catalog.lower(pg_catalog.left(l.label, 120))) from (
    select 'channel:' || (p_interaction).interaction_type as label
    union all select 'outcome:' || (p_interaction).status
    union all select 'sentiment:' || p_sentiment
    union all select 'test' where (p_interaction).is_test
    union all select 'csat:' || case when (p_archive).csat_score < 50 then 'low' when (p_archive).csat_score < 80 then 'middle' else 'high' end
      where (p_archive).csat_score is not null
    union all select 'topic:' || t from pg_catalog.jsonb_array_elements_text(coalesce((p_archive).tags -> 'topics', '[]')) t
    union all select 'tag:' || t from pg_catalog.unnest(private.issue_tags((p_archive).tags)) t
    union all select 'issue:' || (e ->> 'issue') from pg_catalog.jsonb_array_elements(coalesce((p_archive).issues, '[]')) e
    union all select 'issues:' || case e ->> 'status' when 'resolved' then 'resolved' else 'open' end
      from pg_catalog.jsonb_array_elements(coalesce((p_archive).issues, '[]')) e
    union all select 'decision:' || case when t.rule is not null and t.status = 'allowed' then 'automatic' else t.status end
      from public.tool_permissions t where t.interaction_id = (p_interaction).id and t.rule is distinct from 'not_required') l
  where l.label is not null
$$;
comment on function private.interaction_labels(public.interactions, public.interaction_archives, text) is
  'The labels of private.interaction_search, at most 120 characters each.';

create or replace function private.interaction_words(p_interaction public.interactions, p_archive public.interaction_archives) returns tsvector
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- Without its positions, which nobody asks for, a vector is half as large. 150,000 characters never exceed the largest vector.
  select pg_catalog.strip(pg_catalog.to_tsvector('pg_catalog.simple', pg_catalog.left(pg_catalog.concat_ws(' ', (p_archive).summary,
      (p_interaction).caller, (p_interaction).external_id, (p_interaction).livekit_room_id,
      (select pg_catalog.string_agg(t.text, ' ') from public.interaction_turns t where t.interaction_id = (p_interaction).id)), 150000)))
    || pg_catalog.array_to_tsvector(array(
      select pg_catalog.right(pg_catalog.ltrim((p_interaction).phone_number, '+'), n)
      from pg_catalog.generate_series(3, pg_catalog.length((p_interaction).phone_number) - 1) n
      union select pg_catalog.lower(w) from (values ((p_interaction).external_id), ((p_interaction).livekit_room_id)) v (w) where w <> ''))
  where (p_interaction).anonymised_at is null
$$;
comment on function private.interaction_words(public.interactions, public.interaction_archives) is
  'The words of private.interaction_search; null when the interaction is forgotten.';

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
  insert into private.interaction_search as s (interaction_id, supervisor_id, agent_id, started_at, duration_seconds, satisfaction, csat, labels, words)
  values (v_interaction.id, v_interaction.supervisor_id, v_interaction.agent_id, v_interaction.started_at, v_interaction.duration_seconds,
    v_score, v_archive.csat_score, private.interaction_labels(v_interaction, v_archive, v_sentiment),
    coalesce(private.interaction_words(v_interaction, v_archive), ''))
  on conflict (interaction_id) do update set supervisor_id = excluded.supervisor_id, agent_id = excluded.agent_id, started_at = excluded.started_at,
    duration_seconds = excluded.duration_seconds, satisfaction = coalesce(excluded.satisfaction, s.satisfaction), csat = excluded.csat,
    labels = excluded.labels, words = excluded.words;
end $$;
comment on function private.find_again(uuid) is
  'Makes the row of private.interaction_search of an interaction that has ended; nothing for one that is live or unknown.';

-- The statement is made for the filters that are set and planned for their values, because one plan for all of them would read by
-- time what few rows have, or by word what every row has.
create or replace function private.searchable_supervisors(p_supervisor_id uuid) returns uuid[]
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role text := private.viewer_role();
begin
  if v_role = 'admin' then
    return case when p_supervisor_id is not null then array[p_supervisor_id] end;
  elsif v_role = 'supervisor' and coalesce(p_supervisor_id, private.viewer_id()) = private.viewer_id() then
    return array[private.viewer_id()];
  end if;
  return '{}';
end $$;
comment on function private.searchable_supervisors(uuid) is
  'Whose interactions the reader searches: their own, or as an admin those of one supervisor, or everybody''s (null).';

create or replace function private.search_query(p_text text) returns tsquery
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.regexp_replace(pg_catalog.plainto_tsquery('pg_catalog.simple', p_text)::text, '''(?= &|$)', ''':*', 'g')::tsquery
    || case when p_text ~ '^[0-9 +()./-]+$' and pg_catalog.length(pg_catalog.regexp_replace(p_text, '[^0-9]', '', 'g')) >= 3
      then (pg_catalog.regexp_replace(p_text, '[^0-9]', '', 'g') || ':*')::tsquery else '' end
    || case when p_text ~ '^\S+$' then ('''' || pg_catalog.replace(pg_catalog.replace(pg_catalog.lower(p_text), '\', '\\'), '''', '''''') || ''':*')::tsquery else '' end
$$;
comment on function private.search_query(text) is
  'The words of a search, each as the beginning of a word and all of them; or a part of a phone number; or the beginning of an id.';

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

create function private.search_span(p_since timestamptz, p_until timestamptz, p_supervisor_ids uuid[], p_agent_id uuid) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.concat_ws(' and ', 'true',
    case when p_since is not null then 's.started_at >= $2' end,
    case when p_until is not null then 's.started_at < $3' end,
    case when pg_catalog.cardinality(p_supervisor_ids) = 1 then 's.supervisor_id = $4[1]' when p_supervisor_ids is not null then 's.supervisor_id = any ($4)' end,
    case when p_agent_id is not null then 's.agent_id = $5' end)
$$;
comment on function private.search_span(timestamptz, timestamptz, uuid[], uuid) is
  'The condition on private.interaction_search s that time and people make: $2 since, $3 until, $4 supervisors, $5 agent.';

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
  v_span text;
  v_match text;
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
      execute pg_catalog.format('select count(*) from (select from (select s.* from private.interaction_search s where %s offset 0) s where %s limit $7) c', v_match, v_span)
        into v_more using v_query, p_since, p_until, v_whose, p_agent_id, p_labels, v_most + 1, v_text;
      if v_more > v_most then
        v_found := v_more;
      elsif v_more > v_found then
        execute pg_catalog.format(v_counted, pg_catalog.format('select %s from (select s.* from private.interaction_search s where %s offset 0) s where %s', v_columns, v_match, v_span))
          into v_found, v_averaged, v_csat, v_satisfaction, v_duration using v_query, p_since, p_until, v_whose, p_agent_id, p_labels, v_most, v_text;
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
create function private.find_interactions(p_text text, p_part boolean, p_since timestamptz, p_until timestamptz, p_supervisor_id uuid, p_agent_id uuid, p_labels text[], p_order text, p_descending boolean, p_after text, p_after_id uuid, p_limit integer) returns table(interaction_id uuid, place text, satisfaction numeric, sentiment text)
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
  v_shown text;
  v_beyond text;
  v_known text := case when p_order in ('satisfaction', 'csat') then pg_catalog.format('and s.%I is not null', v_column) end;
  v_span text;
  v_match text;
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
  v_shown := pg_catalog.format('s.interaction_id, s.%I::text, s.satisfaction, (select substr(l, 11) from unnest(s.labels) l where starts_with(l, ''sentiment:''))', v_column);
  v_beyond := pg_catalog.format('(s.%I, s.interaction_id) %s ($9::%s, $10)', v_column, case when p_descending then '<' else '>' end, v_type);
  v_span := private.search_span(p_since, p_until, v_whose, p_agent_id);
  v_match := private.search_condition(p_text, p_part, p_labels);
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
        v_shown, v_match, v_span, v_known, v_beyond, v_order)
        using v_query, p_since, p_until, v_whose, p_agent_id, p_labels, p_limit - v_found, v_text, v_end, v_end_id;
    end if;
  exception when data_exception then  -- the place
    raise exception 'there is no such page' using errcode = 'FW422';
  end;
end $$;
comment on function private.find_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[], text, boolean, text, uuid, integer) is
  'Interactions of the reader that have ended and match, with satisfaction and sentiment at the end, in this order, after this place: of started, duration, satisfaction or csat. p_part: the text is a part of a word of the summary or the caller, among the next 10,000. FW422.';
grant execute on function private.find_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[], text, boolean, text, uuid, integer) to authenticated;

create or replace function private.find_waiting() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
begin
  with taken as (
    delete from private.interactions_to_find where interaction_id in (
      select interaction_id from private.interactions_to_find order by started_at desc limit 200 for update skip locked)
    returning interaction_id)
  select pg_catalog.array_agg(interaction_id) into v_ids from taken;
  perform private.find_again(t) from pg_catalog.unnest(v_ids) t;
  return coalesce(pg_catalog.cardinality(v_ids), 0);
end $$;
comment on function private.find_waiting() is
  'Makes at most 200 rows of private.interaction_search that wait, the newest first; how many.';

create or replace function private.follow_search() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_table_name = 'interactions' then
    perform private.find_again(new.id);
  elsif tg_table_name = 'interaction_turns' then
    insert into private.interactions_to_find (interaction_id, started_at)
    select i.id, i.started_at from public.interactions i where i.id = new.interaction_id
    on conflict do nothing;
  elsif tg_op = 'DELETE' then
    perform private.find_again(old.interaction_id);
  else
    perform private.find_again(new.interaction_id);
  end if;
  return null;
end $$;
comment on function private.follow_search() is
  'Trigger: an interaction ended or changed afterwards, its archive came, changed or went, or a turn arrived late.';

create or replace function private.sweep(p_step text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_done integer;
begin
  if p_step is null or p_step not in ('expiry', 'reaping', 'performance', 'metrics', 'archives', 'interactions', 'leftovers') then
    raise exception 'unknown step %: expiry, reaping, performance, metrics, archives, interactions or leftovers', p_step
      using errcode = 'FW422';
  end if;
  if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker sweep ' || p_step, 0)) then
    return null;
  end if;
  v_done := case p_step
    when 'expiry' then private.expire_tool_permissions()
    when 'reaping' then private.reap_interactions() + private.end_overlong()
    when 'performance' then private.fold_performance()
    when 'metrics' then private.cleanup_realtime_metrics()
    when 'archives' then public.cleanup_old_archives(private.setting('archive_days'), 50)
    when 'interactions' then private.anonymise_interactions()
    when 'leftovers' then private.cleanup_leftovers() end;
  -- Not a step of its own, so that the last release's server does this too; not counted, because nothing ends.
  if p_step = 'reaping' then
    perform private.mark_silent();
  elsif p_step = 'performance' then
    perform private.find_waiting();
  end if;
  return v_done;
end $$;
comment on function private.sweep(text) is
  'One batch of one step of the sweeper; how many rows, or null while another process is at it. FW422 for an unknown step.';
grant execute on function private.sweep(text) to floorwalker_web, service_role;

create trigger interaction_archives_50_search after insert or delete or update of summary, issues, tags,
    csat_score on public.interaction_archives for each row
  execute function private.follow_search();

create trigger interaction_turns_50_search after insert or update of text on public.interaction_turns for each row when (new.late)
  execute function private.follow_search();

create trigger interactions_56_search_insert after insert on public.interactions for each row when (new.status <> 'active')
  execute function private.follow_search();

create trigger interactions_57_search_update after update of status, phone_number, caller, livekit_room_id, external_id, is_test,
    started_at, ended_at, anonymised_at on public.interactions for each row when (new.status <> 'active')
  execute function private.follow_search();

-- What has ended before waits for the sweeper, the newest first.
insert into private.interactions_to_find (interaction_id, started_at)
select id, started_at from public.interactions where status <> 'active';

-- A view of a list for everybody; the last interaction on the card of an agent is a link.
alter table public.saved_views add column shared boolean not null default false;
comment on table public.saved_views is
  'Filters of a list under a name: a person''s own, or of an admin for everybody.';
comment on column public.saved_views.shared is 'Whether everybody has it; only an admin shares.';
grant insert (shared), update (shared) on public.saved_views to authenticated;

drop policy saved_views_own on public.saved_views;
create or replace view private.agent_cards with (security_invoker=true) as
 select a.id,
    a.supervisor_id,
    a.slot,
    a.xmin::text || ' ' || i.version as row_version,
    a.name,
    a.agent_type,
    a.status,
    a.paused_at,
    i as interaction,
    case when i.id is null then (
      select row_to_json(l) from (
        select e.ended_at,
          e.status,
          c.csat_score,
          e.id
        from public.interactions e
          left join public.interaction_archives c on c.interaction_id = e.id
        where e.agent_id = a.id and e.status <> 'active'
        order by e.ended_at desc limit 1) l) end as last
   from public.agents a
     left join private.interaction_cards i on i.agent_id = a.id
  where a.retired_at is null;
comment on view private.agent_cards is
  'The card of an agent that is not retired: its interaction, or how the last one ended. row_version changes with the content of the card.';
grant select on private.agent_cards to authenticated;

create policy saved_views_own on public.saved_views for all to authenticated
  using (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null)
  with check (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null
    and (not shared or (select private.viewer_role()) = 'admin'));

create policy saved_views_shared on public.saved_views for select to authenticated
  using (shared and (select private.viewer_role()) is not null);

create policy saved_views_shared_deleted on public.saved_views for delete to authenticated
  using (shared and (select private.viewer_role()) = 'admin');

-- As many requests as on a floor: with sixty of the largest cards, the wallboard was larger than 300 kB.
create or replace function private.waiting(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_chosen uuid[] := private.chosen_supervisors(p_arguments);
  v_turn record;
begin
  select w.ids, w.more into v_turn from private.waiting_in_turn(v_chosen, 50) w;
  return pg_catalog.jsonb_build_object(
    'tool_permissions', private.permission_cards(coalesce(v_turn.ids, '{}')), 'more', v_turn.more,
    'answered', private.answered_permissions(v_chosen));
end $$;
comment on function private.waiting(jsonb) is
  'Pending requests on the whole floor and those answered lately, through the reader''s row-level security. FW422.';
grant execute on function private.waiting(jsonb) to authenticated;
