-- Why: what was allowed with changes was shown with the amount that was not allowed, and a search found neither changed nor proposed arguments.

create or replace function private.decision_key(p_permission public.tool_permissions) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_caller text;
  v_phone_number text;
begin
  select caller, phone_number into v_caller, v_phone_number from public.interactions where id = p_permission.interaction_id;
  -- The empty text at the end: two characters are looked for with any third one.
  return private.search_key(pg_catalog.concat_ws(e'\n', p_permission.tool_name, p_permission.arguments::text,
    p_permission.changed_arguments::text, p_permission.proposed_arguments::text, p_permission.reason, v_caller, v_phone_number, ''));
end $$;
comment on function private.decision_key(public.tool_permissions) is
  'What private.decision_search holds of an ended tool permission.';

-- Under the policies an ilike reads every row: it is not leakproof, so no index comes before a policy. This function judges itself whose rows
-- the reader may see, and names those that may have the text; the reader's own query, under the policies, then looks at each.
-- The trigram index is asked for the piece of the text that the fewest rows of the planner's own sample have, because all trigrams of a long text
-- took 500 ms where most of them are in every row. What 1 in 70 rows have is found sooner among the newest rows than by the index.
-- The index holds everybody's rows, so the time of a search may depend on rows that the reader may not see; its answer does not.
create or replace function private.decisions_with_text(p_text text, p_supervisor_id uuid, p_since timestamptz, p_until timestamptz, p_place timestamptz, p_forward boolean, p_limit integer, out ids uuid[], out common boolean)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set random_page_cost = 1
as $$
declare
  v_whose uuid[] := private.searchable_supervisors(p_supervisor_id);
  v_pattern text := '%' || pg_catalog.regexp_replace(p_text, '([\\%_])', '\\\1', 'g') || '%';
  v_key text := private.search_key(p_text);
  v_mark timestamptz := coalesce((select pg_catalog.max(requested_at) from private.decision_search), '-infinity');
  v_mine text := case when v_whose is not null then 'and t.supervisor_id = $1[1]' end;
  v_span text := pg_catalog.concat_ws(' ', case when p_since is not null then 'and t.requested_at >= $2' end,
    case when p_until is not null then 'and t.requested_at < $3' end,
    case when p_place is not null then 'and t.requested_at ' || case when p_forward then '>= $4' else '<= $4' end end);
  v_way text := case when p_forward then 'asc' else 'desc' end;
  v_unknown constant integer := 5000;  -- rows that are not in the index, and are still looked at one by one
  v_sample text[];
  v_piece text;
  v_count integer;
  v_own uuid[];
  v_agents uuid[];
begin
  if pg_catalog.length(p_text) > 100 or p_limit is null or p_limit not between 1 and 20000 then
    raise exception 'a text to search for has at most 100 characters, and a limit is 1 to 20000' using errcode = 'FW422';
  elsif pg_catalog.cardinality(v_whose) = 0 then
    ids := '{}';
    return;
  elsif pg_catalog.length(v_key) < 2 then
    return;
  end if;
  execute pg_catalog.format('select pg_catalog.count(*) from (select from public.tool_permissions t where t.requested_at > $2 %s limit $3) n', v_mine)
  into v_count using v_whose, v_mark, v_unknown;
  if v_count = v_unknown then
    return;
  end if;
  v_sample := (select histogram_bounds::text::text[] from pg_catalog.pg_stats where schemaname = 'private' and tablename = 'decision_search' and attname = 'key');
  select p.piece, s.count into v_piece, v_count from (
    select distinct pg_catalog.substr(v_key, n, 6) as piece from pg_catalog.generate_series(1, greatest(pg_catalog.length(v_key) - 5, 1)) n
    where n % greatest(3, pg_catalog.length(v_key) / 16) = 1 or n = pg_catalog.length(v_key) - 5) p
  cross join lateral (select pg_catalog.count(*) from pg_catalog.unnest(v_sample) k where pg_catalog.strpos(k, p.piece) > 0) s
  order by s.count limit 1;
  common := v_count > pg_catalog.cardinality(v_sample) / 70;
  if common then
    return;
  end if;
  v_own := array(select a.id from public.agents a where a.supervisor_id = v_whose[1]);
  v_agents := array(select a.id from public.agents a where (v_whose is null or a.supervisor_id = v_whose[1]) and a.name ilike v_pattern);
  -- Planned for this piece. Two characters are no trigram, but pg_trgm looks for the 36 that begin with them.
  execute pg_catalog.format($query$
    with named as materialized (
      select t.tool_permission_id as id, t.requested_at from private.decision_search t where %1$s %2$s %4$s)
    select array(select f.id from (
      (select * from named order by requested_at %5$s, id %5$s limit $7)
      union
      (select t.id, t.requested_at from (
          select tool_permission_id from private.decision_search where key is null
          union all select id from public.tool_permissions t where t.requested_at > $5 %3$s) n (id)
        join public.tool_permissions t using (id)
        where (t.tool_name ilike $6 or t.arguments::text ilike $6 or t.changed_arguments::text ilike $6 or t.proposed_arguments::text ilike $6
          or t.reason ilike $6
          or (select i.caller ilike $6 or i.phone_number ilike $6 from public.interactions i where i.id = t.interaction_id)) %3$s %4$s
        order by t.requested_at %5$s, t.id %5$s limit $7)
      %6$s) f order by f.requested_at %5$s, f.id %5$s limit $7)$query$,
    case when pg_catalog.length(v_key) > 2
        then pg_catalog.format('t.key like %L', '%' || v_piece || '%') || case when v_piece <> v_key then ' and pg_catalog.strpos(t.key, $10) > 0' else '' end
      else pg_catalog.format('t.key ~ %L', v_key || '[0-9a-z]') end,
    case when v_whose is not null then 'and t.agent_id = any ($9)' end,
    v_mine, v_span, v_way,
    case when pg_catalog.cardinality(v_agents) > 0 then pg_catalog.format($part$union
      (select t.id, t.requested_at from public.tool_permissions t where t.agent_id = any ($8) %1$s %2$s
        order by t.requested_at %3$s, t.id %3$s limit $7)$part$, v_mine, v_span, v_way) end)
  into ids using v_whose, p_since, p_until, p_place, v_mark, v_pattern, p_limit, v_agents, v_own, v_key;
end $$;
comment on function private.decisions_with_text(text, uuid, timestamptz, timestamptz, timestamptz, boolean, integer) is
  'The first so many of the reader''s tool permissions, from this place on, that may have this text in tool, arguments (also those that a person changed or proposed), reason, agent''s name or customer; all that have it are among them. Null where the text is common, and where no index helps: one usual character, or too many rows are not in private.decision_search yet. FW422.';
grant execute on function private.decisions_with_text(text, uuid, timestamptz, timestamptz, timestamptz, boolean, integer) to authenticated;

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
        extract(epoch from t.responded_at - t.requested_at)::double precision as seconds
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

create or replace view private.tool_permission_cards with (security_invoker=true) as
 select t.id,
    t.tool_name,
    t.tool_description,
    g.description as owner_description,
    t.arguments::text as arguments,
    t.arguments_digest,
    t.known_tool,
    t.status,
    t.requested_at,
    t.expires_at,
    t.held_by,
    t.held_by_name,
    t.held_until,
    t.times_held,
    g.undo_seconds,
    t.interaction_id,
    t.agent_id,
    a.name as agent_name,
    a.agent_type as interaction_type,
    p.phone_number,
    p.sentiment,
    p.satisfaction_score,
    coalesce(p.feed, '[]') as feed,
    p.caller,
    coalesce(p.is_test, false) as is_test,
    coalesce(l.changed_arguments, l.arguments)::text as last_arguments,
    l.responded_at as last_allowed_at,
    p.grants,
    t.accepts_changes,
    t.usual_amount,
    t.changed_arguments::text as changed_arguments
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id
     left join public.agent_tools g on g.agent_id = t.agent_id and g.tool_name = t.tool_name
     left join public.interaction_pulse p on p.interaction_id = t.interaction_id
     left join public.tool_permissions l on l.id = t.compared_with and l.arguments::text <> '{}';
comment on view private.tool_permission_cards is
  'The card of a pending tool permission. The arguments are text, exactly as they were sent.';
grant select on private.tool_permission_cards to authenticated;

create or replace view private.decision_cards with (security_invoker=true) as
 select t.id,
    t.tool_name,
    t.arguments::text as arguments,
    t.status,
    t.reason,
    t.responded_by_name,
    t.responded_at,
    t.executed_at,
    a.name as agent_name,
    t.rule,
    t.changed_arguments is not null as changed,
    t.proposed_arguments is not null as proposed,
    t.changed_arguments::text as changed_arguments
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id;
comment on view private.decision_cards is
  'The line of an answered tool permission.';
grant select on private.decision_cards to authenticated;

-- Null, so that private.fill_decision_search makes these keys again; until then each is looked at.
update private.decision_search s set key = null from public.tool_permissions t
where t.id = s.tool_permission_id and (t.changed_arguments is not null or t.proposed_arguments is not null);
comment on column private.decision_search.key is
  'Tool, arguments with those that a person changed or proposed, reason and customer as private.search_key has them; null while it waits for a decision.';
