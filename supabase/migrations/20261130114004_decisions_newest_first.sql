-- Why: a text in 1 of 100 rows took an admin 20 ms of a million decisions and ten times as long of ten million: the index reads all that have it,
-- where sixty are enough for a page. They are looked for among the newest now, and the sample is not parsed for each search.

-- Under the policies an ilike reads every row: it is not leakproof, so no index comes before a policy. This function judges itself whose rows
-- the reader may see, and names those that may have the text; the reader's own query, under the policies, then looks at each.
-- The trigram index is asked for the piece of the text that the fewest rows of the planner's own sample have, because all trigrams of a long text
-- took 500 ms where most of them are in every row. It reads all rows that have the piece, however old (2 µs each); the newest rows are read one by
-- one (1 µs each). So an admin's text is looked for among the newest where the sample says that this is sooner, and what 1 in 70 rows have is not
-- asked of the index.
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
  v_sample text;  -- keys with commas between them
  v_size integer;
  v_piece text;
  v_count integer;
  v_rows bigint;  -- among so many of the newest rows it is likely to be often enough
  v_near uuid[];  -- those of them that have the text, in order
  v_times timestamptz[];
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
  v_sample := (select histogram_bounds::text from pg_catalog.pg_stats where schemaname = 'private' and tablename = 'decision_search' and attname = 'key');
  v_size := pg_catalog.length(v_sample) - pg_catalog.length(pg_catalog.replace(v_sample, ',', '')) + 1;
  select p.piece, s.count into v_piece, v_count from (
    select distinct pg_catalog.substr(v_key, n, 6) as piece from pg_catalog.generate_series(1, greatest(pg_catalog.length(v_key) - 5, 1)) n
    where n % greatest(3, pg_catalog.length(v_key) / 16) = 1 or n = pg_catalog.length(v_key) - 5) p
  cross join lateral (select (pg_catalog.length(v_sample) - pg_catalog.length(pg_catalog.replace(v_sample, p.piece, ''))) / pg_catalog.length(p.piece) as count) s
  order by s.count limit 1;
  common := v_count > v_size / 70;
  v_rows := p_limit * v_size / nullif(v_count, 0);
  if v_whose is null and v_rows <= 20000
    and v_rows / 2 <= v_count::float / v_size * (select reltuples from pg_catalog.pg_class where oid = 'private.decision_search'::regclass)
  then
    execute pg_catalog.format($query$
      select pg_catalog.array_agg(f.id), pg_catalog.array_agg(f.requested_at) from (
        select n.tool_permission_id as id, n.requested_at from (
          select * from private.decision_search t where true %1$s order by requested_at %2$s, tool_permission_id %2$s limit $6) n
        where pg_catalog.strpos(n.key, $5) > 0 limit $7) f$query$, v_span, v_way)
    into v_near, v_times using null, p_since, p_until, p_place, v_key, least(v_rows * 5 / 2, 20000), p_limit;
  end if;
  if pg_catalog.cardinality(v_near) < p_limit then
    v_near := null;  -- among older ones there may be more
  end if;
  if common and v_near is null then
    return;
  end if;
  v_own := array(select a.id from public.agents a where a.supervisor_id = v_whose[1]);
  v_agents := array(select a.id from public.agents a where (v_whose is null or a.supervisor_id = v_whose[1]) and a.name ilike v_pattern);
  -- Planned for this piece. `offset 0`: the planner would rather read rows in order until enough of these have come by.
  -- Two characters are no trigram, but pg_trgm looks for the 36 that begin with them.
  execute pg_catalog.format($query$
    select array(select f.id from (
      (select * from (%1$s) named order by requested_at %4$s, id %4$s limit $7)
      union
      (select t.id, t.requested_at from (
          select tool_permission_id from private.decision_search where key is null
          union all select id from public.tool_permissions t where t.requested_at > $5 %2$s) n (id)
        join public.tool_permissions t using (id)
        where (t.tool_name ilike $6 or t.arguments::text ilike $6 or t.changed_arguments::text ilike $6 or t.proposed_arguments::text ilike $6
          or t.reason ilike $6
          or (select i.caller ilike $6 or i.phone_number ilike $6 from public.interactions i where i.id = t.interaction_id)) %2$s %3$s
        order by t.requested_at %4$s, t.id %4$s limit $7)
      %5$s) f order by f.requested_at %4$s, f.id %4$s limit $7)$query$,
    case when v_near is not null then 'select * from rows from (pg_catalog.unnest($11), pg_catalog.unnest($12)) n (id, requested_at)'
      else pg_catalog.format('select t.tool_permission_id as id, t.requested_at from private.decision_search t where %s %s %s offset 0',
        case when pg_catalog.length(v_key) > 2
            then pg_catalog.format('t.key like %L', '%' || v_piece || '%') || case when v_piece <> v_key then ' and pg_catalog.strpos(t.key, $10) > 0' else '' end
          else pg_catalog.format('t.key ~ %L', v_key || '[0-9a-z]') end,
        case when v_whose is not null then 'and t.agent_id = any ($9)' end, v_span) end,
    v_mine, v_span, v_way,
    case when pg_catalog.cardinality(v_agents) > 0 then pg_catalog.format($part$union
      (select t.id, t.requested_at from public.tool_permissions t where t.agent_id = any ($8) %1$s %2$s
        order by t.requested_at %3$s, t.id %3$s limit $7)$part$, v_mine, v_span, v_way) end)
  into ids using v_whose, p_since, p_until, p_place, v_mark, v_pattern, p_limit, v_agents, v_own, v_key, v_near, v_times;
end $$;
comment on function private.decisions_with_text(text, uuid, timestamptz, timestamptz, timestamptz, boolean, integer) is
  'The first so many of the reader''s tool permissions, from this place on, that may have this text in tool, arguments (also those that a person changed or proposed), reason, agent''s name or customer; all that have it are among them. Null where the text is common, and where no index helps: one usual character, or too many rows are not in private.decision_search yet. FW422.';
grant execute on function private.decisions_with_text(text, uuid, timestamptz, timestamptz, timestamptz, boolean, integer) to authenticated;
