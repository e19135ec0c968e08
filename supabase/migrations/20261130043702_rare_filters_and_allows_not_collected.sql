-- Why: an admin's page of decisions that are rare (cancelled, by one person, of one tool) read everybody's rows, up to 0.9 s of a million; a person
-- whose allow came after the agent had given up was told nothing.

-- The history by what few have, newest first: without these an admin's page of what is rare reads everybody's rows.
-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; built in two seconds per million rows
create index tool_permissions_status on public.tool_permissions (status, requested_at desc);
-- squawk-ignore require-concurrent-index-creation -- as above
create index tool_permissions_tool on public.tool_permissions (tool_name, requested_at desc);
-- squawk-ignore require-concurrent-index-creation -- as above
create index tool_permissions_who on public.tool_permissions (responded_by_name, requested_at desc) where responded_by_name is not null;
-- squawk-ignore require-concurrent-index-creation -- as above
create index tool_permissions_rule on public.tool_permissions (rule, requested_at desc) where rule is not null;
-- squawk-ignore require-concurrent-index-creation -- as above
create index tool_permissions_not_executed on public.tool_permissions (requested_at desc) where status = 'allowed' and executed_at is null;
-- squawk-ignore require-concurrent-index-creation -- as above
create index tool_permissions_no_result on public.tool_permissions (requested_at desc) where executed_at is not null
  and execution_succeeded is null;
-- squawk-ignore require-concurrent-index-creation -- as above
create index tool_permissions_late on public.tool_permissions (requested_at desc) where rule is null and status in ('allowed', 'denied')
  and responded_at - requested_at > (expires_at - requested_at) / 2;

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
    t.changed_arguments::text as changed_arguments,
    t.execute_before
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id;
comment on view private.decision_cards is
  'The line of an answered tool permission.';
grant select on private.decision_cards to authenticated;

create or replace function private.answered_permissions(p_supervisor_ids uuid[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_since timestamptz := pg_catalog.now() - interval '10 minutes';
begin
  if p_supervisor_ids is null then
    return private.answered_cards(array(
      (select t.id from public.tool_permissions t
        where t.status <> 'pending' and (t.rule is null or t.rule = 'shown') and t.responded_at > v_since
        order by t.responded_at desc limit 5)
      union
      (select t.id from public.tool_permissions t
        where t.status = 'allowed' and t.executed_at is null and t.rule is null and t.requested_at > v_since - interval '10 minutes'
          and t.execute_before > pg_catalog.now() - interval '1 minute'
        order by t.requested_at desc limit 10)));
  end if;
  return private.answered_cards(array(
    (select t.id from public.tool_permissions t
      where t.status <> 'pending' and (t.rule is null or t.rule = 'shown') and t.responded_at > v_since and t.supervisor_id = any (p_supervisor_ids)
      order by t.responded_at desc limit 5)
    union
    (select t.id from public.tool_permissions t
      where t.status = 'allowed' and t.executed_at is null and t.rule is null and t.requested_at > v_since - interval '10 minutes'
        and t.execute_before > pg_catalog.now() - interval '1 minute' and t.supervisor_id = any (p_supervisor_ids)
      order by t.requested_at desc limit 10)));
end $$;
comment on function private.answered_permissions(uuid[]) is
  'The last five tool permissions answered within ten minutes, newest first, with at most ten allows that no agent has come back for, until a minute after their time.';
grant execute on function private.answered_permissions(uuid[]) to authenticated;

-- Under the policies an ilike reads every row: it is not leakproof, so no index comes before a policy. This function judges itself whose rows
-- the reader may see, and names those that may have the text; the reader's own query, under the policies, then looks at each.
-- The trigram index is asked for the piece of the text that the fewest rows of the planner's own sample have, because all trigrams of a long text
-- took 500 ms where most of them are in every row. What 1 in 70 rows have is found sooner among the newest rows than by the index.
-- An entry of an index costs more here than the planner thinks, beside a row: it read the 240,000 entries of a week to leave out some of 9,000 rows.
-- The index holds everybody's rows, so the time of a search may depend on rows that the reader may not see; its answer does not.
create or replace function private.decisions_with_text(p_text text, p_supervisor_id uuid, p_since timestamptz, p_until timestamptz, p_place timestamptz, p_forward boolean, p_limit integer, out ids uuid[], out common boolean)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set random_page_cost = 1
set cpu_index_tuple_cost = 0.03
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

-- Returns json, assembled as text: as jsonb, a tree that is built and written out again, a floor took half as long again. Rows
-- whose version (xmin) the reader knows are left out, and tool permissions are read when one has rung or some are shown. On the
-- whole floor, in one run: p99 1,543 → 85 ms, web processes 1.04 → 0.83 cores, PostgreSQL 0.57 → 0.46.
create or replace function private.floor_v2(p_arguments jsonb) returns json
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
  v_known jsonb := p_arguments -> 'known';
  v_waiting uuid[];
  v_more bigint := 0;
  v_lately uuid[];
  v_pending json;
  v_answered json;
  v_asked_until json;
  v_drills json;
begin
  if p_arguments -> 'urgent' is distinct from 'false' or v_known ->> 'asked' is distinct from 'nothing' then
    select w.ids, w.more into v_waiting, v_more from private.waiting_in_turn(array[v_supervisor], 50) w;
    v_lately := array(
      (select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status <> 'pending'
        and (t.rule is null or t.rule = 'shown') and t.responded_at > pg_catalog.now() - interval '10 minutes'
        order by t.responded_at desc limit 5)
      union
      (select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status = 'allowed' and t.executed_at is null
        and t.rule is null and t.responded_at > pg_catalog.now() - interval '10 minutes' and t.execute_before > pg_catalog.now() - interval '1 minute'
        order by t.responded_at desc limit 10));
    v_drills := private.drill_cards(v_supervisor);
  end if;
  if v_waiting <> '{}' then
    select pg_catalog.json_agg(pg_catalog.row_to_json(c) order by pg_catalog.array_position(v_waiting, c.id)) into v_pending
    from private.tool_permission_cards c where c.id = any (v_waiting);
  end if;
  if v_lately <> '{}' then
    select pg_catalog.json_object_agg(a.agent_id, a.until) into v_asked_until from (
      select t.agent_id, pg_catalog.max(t.responded_at) as until from public.tool_permissions t
      where t.supervisor_id = v_supervisor and t.status <> 'pending' and t.rule is null
        and t.responded_at > pg_catalog.now() - interval '1 minute'
      group by t.agent_id) a;
    select pg_catalog.json_agg(pg_catalog.row_to_json(c) order by c.responded_at desc) into v_answered
    from private.decision_cards c where c.id = any (v_lately);
  end if;
  if v_drills is not null then
    -- A drill waits only while no request does; private.drill_stands says the same.
    if v_pending is null and v_drills ->> 'waiting' is not null then
      v_pending := pg_catalog.json_build_array(v_drills -> 'waiting');
    end if;
    select pg_catalog.json_agg(l.card order by (l.card ->> 'responded_at')::timestamptz desc) into v_answered from (
      select e.card from (
        select value as card from pg_catalog.json_array_elements(coalesce(v_answered, '[]'))
        union all select value from pg_catalog.json_array_elements(v_drills -> 'ended')) e
      order by (e.card ->> 'responded_at')::timestamptz desc limit 15) l;
  end if;
  return pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(
        case when c.row_version = v_known ->> c.id::text then pg_catalog.json_build_object('id', c.id, 'row_version', c.row_version)
        else pg_catalog.row_to_json(c) end order by c.slot), '[]')
      from private.agent_cards c where c.supervisor_id = v_supervisor),
    'tool_permissions', coalesce(v_pending, '[]'),
    'more', v_more,
    'answered', coalesce(v_answered, '[]'),
    'asked_until', coalesce(v_asked_until, '{}'),
    'read_at', pg_catalog.now());
end $$;
comment on function private.floor_v2(jsonb) is
  'A supervisor''s floor {supervisor_id, known: {agent''s id: row_version, asked: nothing}, urgent}, through the reader''s own row-level security; of an agent whose row_version is known only these two, and no tool permissions where it is known that there are none and urgent is false. FW422 for what is no id.';
grant execute on function private.floor_v2(jsonb) to authenticated;

create or replace function private.interaction_v2(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction uuid := private.id_argument(p_arguments, 'interaction_id');
  v_supervisor uuid := case when p_arguments ? 'supervisor_id' then private.id_argument(p_arguments, 'supervisor_id') end;
begin
  return (
    select pg_catalog.jsonb_build_object(
      'interaction', pg_catalog.to_jsonb(h),
      'scores', private.satisfaction(i.id),
      'rulings', private.rulings(i.id),
      'timeline', private.timeline(i.id),
      'tool_permissions', private.permission_cards(array(
        select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status = 'pending'
        order by w.requested_at, w.id limit 50)),
      'answered', private.answered_cards(array(
        (select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status <> 'pending' and (w.rule is null or w.rule = 'shown')
          and w.responded_at > pg_catalog.now() - interval '10 minutes' order by w.responded_at desc limit 5)
        union
        (select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status = 'allowed' and w.executed_at is null
          and w.rule is null and w.execute_before > pg_catalog.now() - interval '1 minute' order by w.responded_at desc limit 10))),
      'archive', case when r.id is not null then pg_catalog.jsonb_build_object('summary', r.summary, 'issues', r.issues,
        'tags', r.tags, 'csat_score', r.csat_score, 'resolution_time_seconds', r.resolution_time_seconds,
        'fcr_status', r.fcr_status, 'created_at', r.created_at) end,
      'broken_by', (
        select later.id from public.interactions later
        join public.interaction_archives b on b.interaction_id = later.id
        where r.fcr_status = false and not later.is_test and later.phone_number = i.phone_number and later.started_at > i.started_at
          and later.started_at <= i.started_at + interval '3 days'
          and private.issue_tags(b.tags) && private.issue_tags(r.tags)
        order by later.started_at limit 1))
    from public.interactions i
    join private.interaction_heads h on h.id = i.id
    left join public.interaction_archives r on r.interaction_id = i.id
    where i.id = v_interaction and (v_supervisor is null or i.supervisor_id = v_supervisor));
end $$;
comment on function private.interaction_v2(jsonb) is
  'One interaction {interaction_id}, as long as it is of {supervisor_id} if that is given, through the reader''s own row-level security. FW422 for what is no id.';
grant execute on function private.interaction_v2(jsonb) to authenticated;
