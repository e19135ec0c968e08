-- Why: the planner supposed that a third of all answers is late and a quarter of all executions without a result, and could read everybody's rows for
-- an admin's page of them; what has a text of 1 in 100 rows was stored once more before it was sorted.

create statistics public.tool_permissions_execution on (case when executed_at is not null and execution_succeeded is null then 'started'
  when status = 'allowed' and executed_at is null then 'not' end) from public.tool_permissions;
create statistics public.tool_permissions_lateness on (responded_at - requested_at - (expires_at - requested_at) / 2) from public.tool_permissions;
-- The index has the words of the statistics, so that both are found.
-- squawk-ignore require-concurrent-index-deletion -- a migration is one transaction
drop index public.tool_permissions_late;
-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; built in two seconds per million rows
create index tool_permissions_late on public.tool_permissions (requested_at desc) where rule is null and status in ('allowed', 'denied')
  and responded_at - requested_at - (expires_at - requested_at) / 2 > interval '0';
analyze public.tool_permissions;

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
  -- Planned for this piece. `offset 0`: the planner would rather read rows in order until enough of these have come by.
  -- Two characters are no trigram, but pg_trgm looks for the 36 that begin with them.
  execute pg_catalog.format($query$
    select array(select f.id from (
      (select * from (
          select t.tool_permission_id as id, t.requested_at from private.decision_search t where %1$s %2$s %4$s offset 0) named
        order by requested_at %5$s, id %5$s limit $7)
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
