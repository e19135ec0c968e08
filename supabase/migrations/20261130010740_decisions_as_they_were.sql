-- Why: how long a person took to allow is measured until they pressed, and not until the time to take it back was over; lists leave out test
-- interactions; what is usual is of the supervisor themself; a push about a request that was answered is not sent; a drill survives any row.

alter table public.tool_permissions add column held_at timestamptz;
comment on column public.tool_permissions.held_at is
  'When the person pressed Allow, of an allow that is or was held until held_until; null for every other decision. How long a person took is measured until then.';
comment on column public.tool_permissions.usual_amount is
  'The median amount that this supervisor themself allowed for this tool when the request arrived; null with fewer than ten such.';

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
  v_labels := pg_catalog.array_remove(p_labels, '-test');
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

create or replace function private.drill_ground(p_supervisor_id uuid) returns table(interaction_id uuid, tool_name text, tool_description text, arguments text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select p.interaction_id, l.tool_name, l.tool_description, l.arguments::text
  from (select * from public.interaction_pulse q where q.supervisor_id = p_supervisor_id and q.silent_since is null and not q.is_test
    order by pg_catalog.random() limit 1) p
  left join lateral (
    select t.tool_name, t.tool_description, t.arguments from (
      select n.* from public.tool_permissions n where n.supervisor_id = p_supervisor_id order by n.requested_at desc limit 200) t
    where t.agent_id = p.agent_id and t.status = 'allowed' and t.rule is null and coalesce(private.limited_amount(t.arguments, 'amount'), private.limited_amount(t.arguments, 'total'), private.limited_amount(t.arguments, 'price')) > 0
    order by t.requested_at desc limit 1) l on true
$$;
comment on function private.drill_ground(uuid) is
  'What a drill for this supervisor is made of: a live interaction, and the newest request with an amount that was allowed to its agent, among the last 200 of the floor; no row without a live interaction.';

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
  v_labels := pg_catalog.array_remove(p_labels, '-test');
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

create or replace function private.guard_tool_permission() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();  -- the row is locked when a trigger before update runs
  v_held constant boolean := old.held_until is not null;
begin
  if new.arguments::text = '{}' and (new.reason, new.execution_result, new.tool_description) is not distinct from (null::text, null::jsonb, null::text)
     and exists (select from public.interactions where id = new.interaction_id and anonymised_at is not null) then
    -- Forgotten: the words are removed, and nothing else changes.
    new.arguments := old.arguments;
    new.reason := old.reason;
    new.execution_result := old.execution_result;
    new.tool_description := old.tool_description;
    new.changed_arguments := old.changed_arguments;
    new.proposed_arguments := old.proposed_arguments;
    if pg_catalog.to_jsonb(new) - 'supervisor_response' <> pg_catalog.to_jsonb(old) - 'supervisor_response' then  -- generated later
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
    new.arguments := '{}';
    new.reason := null;
    new.execution_result := null;
    new.tool_description := null;
    new.changed_arguments := case when old.changed_arguments is not null then '{}'::json end;
    new.proposed_arguments := null;
    return new;
  end if;

  if (new.interaction_id, new.tool_name, new.arguments::text, new.arguments_digest, new.requested_at, new.expires_at)
     is distinct from (old.interaction_id, old.tool_name, old.arguments::text, old.arguments_digest, old.requested_at, old.expires_at) then
    raise exception 'a tool permission''s request does not change' using errcode = 'FW409';
  end if;

  -- A person's changes come with the decision, or right after it in its transaction, and stay as they are.
  if (old.changed_arguments is not null or old.proposed_arguments is not null or old.executed_at is not null)
     and (new.changed_arguments::text, new.changed_arguments_digest, new.proposed_arguments::text)
       is distinct from (old.changed_arguments::text, old.changed_arguments_digest, old.proposed_arguments::text) then
    raise exception 'what was decided does not change' using errcode = 'FW409';
  end if;

  if old.status <> 'pending' then
    if new.status is distinct from old.status then
      raise exception 'the tool permission is already %', old.status using errcode = 'FW409';
    elsif (new.responded_at, new.responded_by, new.responded_by_name, new.reason, new.execute_before, new.held_at)
          is distinct from (old.responded_at, old.responded_by, old.responded_by_name, old.reason, old.execute_before, old.held_at) then
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
  elsif new.status = 'pending' and not v_held and new.held_until is not null then  -- an allow is held
    if old.expires_at <= v_now then
      raise exception 'the tool permission has expired' using errcode = 'FW409';
    elsif new.held_until <= v_now then
      raise exception 'held_until must be in the future' using errcode = 'FW409';
    end if;
    -- Its time stands still meanwhile, so that no reader takes it for expired.
    new.expires_at := old.expires_at + (new.held_until - v_now);
    new.times_held := old.times_held + 1;
    new.held_at := v_now;
  elsif new.status = 'pending' and v_held and new.held_until is null then  -- and taken back
    if old.held_until <= v_now then
      raise exception 'it was allowed, and can no longer be taken back' using errcode = 'FW409';
    end if;
    new.expires_at := old.expires_at - (old.held_until - v_now);
    new.held_at := null;
    new.changed_arguments := null;
    new.changed_arguments_digest := null;
  elsif new.status = 'pending' then
    if (new.held_decision, new.held_by, new.held_by_name, new.held_reason, new.held_until, new.times_held, new.held_at)
       is distinct from (old.held_decision, old.held_by, old.held_by_name, old.held_reason, old.held_until, old.times_held, old.held_at) then
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
  else  -- decided, expired or cancelled
    if v_held and new.status <> 'cancelled' and new.rule is distinct from 'refused' and (new.status <> 'allowed' or new.responded_by is distinct from old.held_by) then
      raise exception 'the tool permission was allowed by %, who can still take it back', old.held_by_name using errcode = 'FW409';
    elsif v_held and new.status = 'allowed' then
      if old.held_until > v_now then
        raise exception 'the allow can still be taken back' using errcode = 'FW409';
      end if;
      new.expires_at := old.expires_at + (v_now - old.held_until);
    elsif new.status in ('allowed', 'denied') and old.expires_at <= v_now then
      raise exception 'the tool permission has expired' using errcode = 'FW409';
    elsif new.status = 'timeout' and old.expires_at > v_now then
      raise exception 'the tool permission has not expired yet' using errcode = 'FW409';
    end if;
    -- The window to execute begins now, however long it is.
    new.execute_before := v_now + (new.execute_before - new.responded_at);
    new.responded_at := v_now;
    new.held_at := case when v_held and new.status = 'allowed' then old.held_at end;
    new.held_decision := null;
    new.held_by := null;
    new.held_by_name := null;
    new.held_reason := null;
    new.held_until := null;
    if new.status <> 'allowed' then
      new.changed_arguments := null;
      new.changed_arguments_digest := null;
    end if;
  end if;

  if old.executed_at is null then
    if new.executed_at is not null then
      if old.execute_before <= v_now then
        raise exception 'the time to run the tool ended at %: do not run it', old.execute_before using errcode = 'FW409';
      end if;
      new.executed_at := v_now;
    end if;
  elsif (new.execution_id, new.executed_at) is distinct from (old.execution_id, old.executed_at) then
    raise exception 'the execution is already claimed' using errcode = 'FW409';
  end if;
  if old.execution_reported_at is null and new.execution_reported_at is not null then
    new.execution_reported_at := v_now;
  end if;
  return new;
end $$;
comment on function private.guard_tool_permission() is
  'Trigger: one decision before expiry and one execution within its window, each judged and stored at one moment, of what was asked; an allow that is held changes only by its giver, its time or the end; words go when the interaction is forgotten. FW409 otherwise, for every role.';

create or replace function private.limited_amount(p_arguments json, p_name text) returns numeric
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_name is null then
    return null;
  end if;
  return private.plain_amount(p_arguments, p_name);
exception when data_exception then  -- a name that PostgreSQL cannot read, as one with U+0000, in p_arguments
  return null;
end $$;
comment on function private.limited_amount(json, text) is
  'The argument that the limits of a tool compare; null when it is missing or not a plain number, and without a name.';

create or replace function private.take_pushes(p_most integer, p_busy text[]) returns table(
  id bigint, endpoint text, host text, p256dh bytea, auth bytea, attempt integer, signal text, subject_id uuid, agent_name text,
  tool_name text, seconds integer)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from private.push_messages m where m.next_at <= pg_catalog.clock_timestamp() and (m.ends_at <= pg_catalog.clock_timestamp() or not case m.signal
    when 'critical' then exists (select from public.interaction_pulse p where p.interaction_id = m.subject_id and p.critical_until = 'infinity')
    when 'silent' then exists (select from public.interaction_pulse p where p.interaction_id = m.subject_id and p.silent_since is not null)
    else exists (select from public.tool_permissions t where t.id = m.subject_id and t.status = 'pending' and t.held_until is null)
      or exists (select from private.drills d where d.id = m.subject_id and d.outcome is null) end);
  return query
  with due as (
    select m.id, s.host from private.push_messages m join public.push_subscriptions s on s.id = m.subscription_id
    where m.next_at <= pg_catalog.clock_timestamp() and s.host <> all (p_busy)
    order by m.next_at limit 500 for no key update of m skip locked
  ), fair as (
    select f.id from (select due.id, pg_catalog.row_number() over (partition by due.host order by due.id) as place from due) f
    where f.place <= 4 order by f.place, f.id limit greatest(0, least(p_most, 100))
  ), taken as (
    update private.push_messages m set attempts = m.attempts + 1, next_at = pg_catalog.clock_timestamp() + interval '30 seconds'
    from fair where m.id = fair.id returning m.*
  )
  select t.id, s.endpoint, s.host, s.p256dh, s.auth, t.attempts, t.signal, t.subject_id, t.agent_name, t.tool_name,
    greatest(1, extract(epoch from t.ends_at - pg_catalog.clock_timestamp()))::integer
  from taken t join public.push_subscriptions s on s.id = t.subscription_id;
end $$;
comment on function private.take_pushes(integer, text[]) is
  'At most so many messages that are due, four a host, each for 30 s; seconds: how long it may still call. Those that are too late, or whose request was answered or trouble ended meanwhile, are deleted.';
grant execute on function private.take_pushes(integer, text[]) to floorwalker_web;

-- The rule of the hint "so many times this supervisor's usual amount": the median of what the supervisor (not an admin, not a rule) allowed
-- for the same tool, argument and currency on this floor in the last 90 days, of the newest two hundred, tests left out; with fewer than ten
-- there is no usual amount. The argument is the first of amount, total and price that is there, as in the card (permission_cards.py).
create or replace function private.usual_amount(p_supervisor_id uuid, p_tool_name text, p_arguments json) returns numeric
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_usual numeric;
begin
  select n into v_name from pg_catalog.unnest(array['amount', 'total', 'price']) with ordinality u(n, place)
  where p_arguments ->> n is not null order by place limit 1;
  if v_name is null or (private.plain_amount(p_arguments, v_name) > 0) is not true then
    return null;
  end if;
  select case when pg_catalog.count(*) >= 10 then (pg_catalog.percentile_cont(0.5) within group (order by l.amount))::numeric end into v_usual
  from (select private.plain_amount(t.arguments, v_name) as amount, t.arguments ->> 'currency' as currency from (
    select coalesce(a.changed_arguments, a.arguments) as arguments from public.tool_permissions a
    where a.supervisor_id = p_supervisor_id and a.tool_name = p_tool_name and a.status = 'allowed' and a.rule is null
      and a.responded_by = p_supervisor_id and not exists (select from public.interactions i where i.id = a.interaction_id and i.is_test)
      and a.responded_at > pg_catalog.now() - interval '90 days' and pg_catalog.strpos(coalesce(a.changed_arguments, a.arguments)::text, '\u0000') = 0
    order by a.responded_at desc limit 200) t) l
  where l.amount > 0 and l.currency is not distinct from p_arguments ->> 'currency';
  return v_usual;
exception when data_exception then  -- of p_arguments, a name or text that PostgreSQL cannot read, as one with U+0000
  return null;
end $$;
comment on function private.usual_amount(uuid, text, json) is
  'The amount that this supervisor usually allows for this tool, in the currency of these arguments; null where there is none.';
