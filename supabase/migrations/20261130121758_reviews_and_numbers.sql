-- Why: a number as people write it (020…, 0044…, +44 (0)20…) found nothing; an allow that could be taken back counted that time as the
-- person's; the lowest satisfaction of an interaction was lost after a day; the wallboard's strip showed others whose name contains the chosen one;
-- of more than fifty requests one with seconds left could be missing.

-- The index has the words of the statistics, so that both are found.
drop statistics public.tool_permissions_lateness;
-- squawk-ignore require-concurrent-index-deletion -- a migration is one transaction
drop index public.tool_permissions_late;
create statistics public.tool_permissions_lateness on (coalesce(held_at, responded_at) - requested_at
  - (expires_at - requested_at - (responded_at - coalesce(held_at, responded_at))) / 2) from public.tool_permissions;
-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; built in two seconds per million rows
create index tool_permissions_late on public.tool_permissions (requested_at desc) where rule is null and status in ('allowed', 'denied')
  and coalesce(held_at, responded_at) - requested_at - (expires_at - requested_at - (responded_at - coalesce(held_at, responded_at))) / 2 > interval '0';
analyze public.tool_permissions;

create or replace function private.chosen_supervisors(p_arguments jsonb) returns uuid[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := p_arguments ->> 'type';
  v_supervisor text := pg_catalog.lower(p_arguments ->> 'supervisor');
begin
  if v_type not in ('voice', 'chat') then
    raise exception 'unknown type %: voice or chat', v_type using errcode = 'FW422';
  elsif v_type is null and v_supervisor is null then
    return null;
  end if;
  return array(select u.id from public.users u where u.supervisor_type = coalesce(v_type, u.supervisor_type)
    and case when exists (select from public.users e where e.username = v_supervisor and e.role = 'supervisor') then u.username = v_supervisor
      else pg_catalog.strpos(u.username, coalesce(v_supervisor, '')) > 0 end);
end $$;
comment on function private.chosen_supervisors(jsonb) is
  'Those that the filters type and supervisor (a username, or a part of one where nobody has this one) leave; null for all. FW422 for an unknown type.';
grant execute on function private.chosen_supervisors(jsonb) to authenticated;

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
  -- Metrics without a score are no points. The last score is kept as it was, and the lowest unless it is of the last point. So is the last sentiment, in a point of its
  -- own when it came without a score or is another than that of the last scores.
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
          when pg_catalog.min(m.score) = pg_catalog.min(pg_catalog.min(m.score)) over w then pg_catalog.min(m.score)
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
  v_digits text[];
begin
  if pg_catalog.length(p_text) > 100 then
    raise exception 'a text to search for has at most 100 characters' using errcode = 'FW422';
  end if;
  v_words := array(
    select '%' || pg_catalog.regexp_replace(w, '([\\%_])', '\\\1', 'g') || '%' from pg_catalog.regexp_split_to_table(p_text, '\s+') w where w <> '');
  v_digits := array(select '%' || d || '%' from pg_catalog.unnest(private.search_digits(p_text)) d);
  if v_words = '{}' then
    return;
  end if;
  return query
    select p.interaction_id from public.interaction_pulse p join public.interactions i on i.id = p.interaction_id
    where (v_whose is null or p.supervisor_id = any (v_whose)) and (
      p.caller ilike all (v_words) or i.external_id ilike all (v_words) or i.livekit_room_id ilike all (v_words)
      or p.feed -> 0 ->> 'text' ilike all (v_words) or p.feed -> 1 ->> 'text' ilike all (v_words) or p.feed -> 2 ->> 'text' ilike all (v_words)
      or p.phone_number like any (v_digits)
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

create or replace function private.search_digits(p_text text) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case when p_text !~ '^[0-9 +()./-]+$' or pg_catalog.length(d.typed) < 3 then '{}'
    when d.national = d.typed or pg_catalog.length(d.national) < 6 then array[d.typed]
    else array[d.typed, d.national] end
  from (select pg_catalog.regexp_replace(p_text, '[^0-9]', '', 'g') as typed,
    pg_catalog.ltrim(pg_catalog.regexp_replace(pg_catalog.replace(p_text, '(0)', ''), '[^0-9]', '', 'g'), '0') as national) d
$$;
comment on function private.search_digits(text) is
  'What a number that contains this text may have: its digits, and these without the 0 or 00 that people dial before a national or a foreign number; none for other text.';

create or replace function private.search_query(p_text text) returns tsquery
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.regexp_replace(pg_catalog.plainto_tsquery('pg_catalog.simple', p_text)::text, '''(?= &|$)', ''':*', 'g')::tsquery
    || coalesce((select pg_catalog.string_agg(d || ':*', ' | ')::tsquery from pg_catalog.unnest(private.search_digits(p_text)) d), '')
    || case when p_text ~ '^\S+$' then ('''' || pg_catalog.replace(pg_catalog.replace(pg_catalog.lower(p_text), '\', '\\'), '''', '''''') || ''':*')::tsquery else '' end
$$;
comment on function private.search_query(text) is
  'The words of a search, each as the beginning of a word and all of them; or a part of a phone number; or the beginning of an id.';

-- Bounded, however long the history is: the quarters of an hour of one day of one person's agents, one person's interactions and decisions of one day, and the
-- newest rows by index. The floor asks once when it becomes quiet, and never while it is busy.
create or replace function private.today(p_time_zone text) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_viewer uuid := private.viewer_id();
  v_since timestamptz := private.period_start('today', p_time_zone);
begin
  if private.viewer_role() is distinct from 'supervisor' then
    raise exception 'only a supervisor has a floor' using errcode = 'FW403';
  end if;
  return (
    with parts as materialized (
      select s.starts_at, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
      from public.agents a join private.performance_sums s on s.span = 'agent_quarter' and s.key = a.id and s.starts_at >= v_since
      where a.supervisor_id = v_viewer
      union all
      select c.started_at, c.completed, c.handle_seconds, c.rated, c.csat_hundredths, c.fcr_known, c.fcr_true
      from private.performance_changes c where c.supervisor_id = v_viewer and c.started_at >= v_since
    ), answers as materialized (
      select t.id, t.tool_name, coalesce(t.changed_arguments, t.arguments) as arguments, t.status, t.agent_id, t.responded_at,
        extract(epoch from coalesce(t.held_at, t.responded_at) - t.requested_at)::double precision as seconds
      from public.tool_permissions t join public.interactions i on i.id = t.interaction_id
      where t.supervisor_id = v_viewer and t.responded_at >= v_since and t.status in ('allowed', 'denied')
        and t.responded_by is not null and not i.is_test
    ), own as materialized (
      select i.agent_id, pg_catalog.count(*) as interactions, pg_catalog.avg(c.csat_score) as csat, pg_catalog.avg(i.duration_seconds) as aht
      from public.interactions i left join public.interaction_archives c on c.interaction_id = i.id
      where i.supervisor_id = v_viewer and i.started_at >= v_since and i.status = 'completed' and not i.is_test
      group by i.agent_id
    ), recent as materialized (
      select i.id, i.agent_id, i.ended_at, i.status from public.interactions i
      where i.supervisor_id = v_viewer and i.status <> 'active' and not i.is_test
      order by i.started_at desc limit 20
    )
    select pg_catalog.json_build_object(
      'since', v_since,
      'agents', (select pg_catalog.count(*) from public.agents a where a.supervisor_id = v_viewer and a.retired_at is null),
      'interactions', (select coalesce(pg_catalog.sum(completed), 0) from parts),
      'csat', (select pg_catalog.round(pg_catalog.sum(csat_hundredths) * 0.01 / nullif(pg_catalog.sum(rated), 0), 1) from parts),
      'aht', (select pg_catalog.round(pg_catalog.sum(handle_seconds) / nullif(pg_catalog.sum(completed), 0), 1) from parts),
      'fcr', (select pg_catalog.round(100.0 * pg_catalog.sum(fcr_true) / nullif(pg_catalog.sum(fcr_known), 0), 1) from parts),
      'allowed', (select pg_catalog.count(*) from answers where status = 'allowed'),
      'denied', (select pg_catalog.count(*) from answers where status = 'denied'),
      'typical_seconds', (select pg_catalog.percentile_cont(0.5) within group (order by seconds) from answers),
      'hours', (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
          'hour', pg_catalog.to_char(h.at at time zone p_time_zone, 'HH24:MI'), 'interactions', h.n) order by h.at), '[]') from (
        select g.at, coalesce((select pg_catalog.sum(p.completed) from parts p
          where p.starts_at >= g.at and p.starts_at < g.at + interval '1 hour'), 0) as n
        from pg_catalog.generate_series(v_since, pg_catalog.now(), interval '1 hour') g (at)) h),
      'by_agent', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(b) order by b.slot), '[]') from (
        select a.slot, a.id, a.name, o.interactions, pg_catalog.round(o.csat) as csat, pg_catalog.round(o.aht, 1) as aht
        from public.agents a join own o on o.agent_id = a.id where a.supervisor_id = v_viewer and a.retired_at is null) b),
      'last', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(l) order by l.ended_at desc), '[]') from (
        select r.id, r.ended_at, r.status, a.name as agent_name, pg_catalog.left(c.summary, 200) as summary, c.csat_score,
          case when pg_catalog.jsonb_array_length(c.issues) > 0 then not exists (
            select from pg_catalog.jsonb_array_elements(c.issues) e where e ->> 'status' is distinct from 'resolved') end as resolved
        from recent r join public.agents a on a.id = r.agent_id
        left join public.interaction_archives c on c.interaction_id = r.id
        order by r.ended_at desc limit 5) l),
      'decisions', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(d) order by d.responded_at desc), '[]') from (
        select s.id, s.tool_name, s.arguments::text as arguments, s.status, s.responded_at, s.seconds, a.name as agent_name
        from answers s join public.agents a on a.id = s.agent_id
        order by s.responded_at desc limit 3) d)));
end $$;
comment on function private.today(text) is
  'What the viewer''s own floor did since midnight in a time zone: sums, also by agent, interactions by hour, the last five interactions and three decisions. FW403 for all but supervisors, FW422 for an unknown zone.';
grant execute on function private.today(text) to authenticated;

create or replace view private.decision_rows with (security_invoker=true) as
 select t.id,
    t.requested_at,
    t.responded_at,
    t.expires_at,
    t.tool_name,
    t.arguments::text as arguments,
    t.arguments_digest,
    t.status,
    t.rule,
    t.reason,
    t.responded_by_name,
    t.grant_id,
    t.grant_use,
    case
      when t.execution_succeeded then 'succeeded'
      when not t.execution_succeeded then 'failed'
      when t.executed_at is not null then 'started'
      when t.status = 'allowed' then 'not' end as executed,
    t.executed_at,
    t.interaction_id,
    t.agent_id,
    a.name as agent_name,
    t.supervisor_id,
    u.username,
    i.phone_number,
    i.caller,
    i.is_test,
    i.anonymised_at,
    t.changed_arguments::text as changed_arguments,
    t.proposed_arguments::text as proposed_arguments,
    t.execute_before,
    t.held_at
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id
     join public.users u on u.id = t.supervisor_id
     join public.interactions i on i.id = t.interaction_id;
comment on view private.decision_rows is
  'A tool permission in the history, with its agent, supervisor and customer.';
grant select on private.decision_rows to authenticated;

create or replace function private.waiting_in_turn(p_supervisor_ids uuid[], p_limit integer) returns table(ids uuid[], more bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_soon timestamptz := pg_catalog.clock_timestamp() + interval '60 seconds';
begin
  if p_supervisor_ids is null then
    return query
    select pg_catalog.array_agg(f.id order by f.place) filter (where f.place <= p_limit),
      pg_catalog.count(*) filter (where f.place > p_limit)
    from (select o.*, pg_catalog.row_number() over (order by o.expires_at < v_soon desc, o.turn, o.requested_at, o.id) as place
      from (select t.id, t.requested_at, t.expires_at, pg_catalog.row_number() over (partition by t.agent_id order by t.requested_at, t.id) as turn
        from public.tool_permissions t where t.status = 'pending') o) f;
  else
    return query
    select pg_catalog.array_agg(f.id order by f.place) filter (where f.place <= p_limit),
      pg_catalog.count(*) filter (where f.place > p_limit)
    from (select o.*, pg_catalog.row_number() over (order by o.expires_at < v_soon desc, o.turn, o.requested_at, o.id) as place
      from (select t.id, t.requested_at, t.expires_at, pg_catalog.row_number() over (partition by t.agent_id order by t.requested_at, t.id) as turn
        from public.tool_permissions t where t.status = 'pending' and t.supervisor_id = any (p_supervisor_ids)) o) f;
  end if;
end $$;
comment on function private.waiting_in_turn(uuid[], integer) is
  'Pending tool permissions up to a number: those that expire within a minute, then the oldest of each agent, then the second of each; and how many more there are. Of these supervisors, or all visible ones.';
grant execute on function private.waiting_in_turn(uuid[], integer) to authenticated;
