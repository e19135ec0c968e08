-- The history of decisions: a text that few rows have, and executions that failed, made the page read every row of the time, because no
-- index is used for an ilike under a policy, and none had the failures. Building the trigram index takes about a minute per million
-- requests, in which requests and decisions wait.

create or replace function private.search_key(p_text text) returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := pg_catalog.lower(p_text);
begin
  if pg_catalog.octet_length(v_text) = pg_catalog.length(v_text) then
    return v_text;
  end if;
  return (select pg_catalog.string_agg(case when pg_catalog.ascii(c.one) < 128 then c.one
      else pg_catalog.substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + pg_catalog.ascii(c.one) % 36, 1) end, '' order by c.n)
    from pg_catalog.string_to_table(v_text, null) with ordinality c(one, n));
end $$;
comment on function private.search_key(text) is
  'The text in small letters, with a letter or digit of ASCII for every other character: what trigram indexes hold, in any locale.';
-- The role that writes a row computes its entry in the index.
grant execute on function private.search_key(text) to authenticated, agent_runtime, floorwalker_web, service_role;

-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; built in half a second per million rows
create index tool_permissions_failed on public.tool_permissions (requested_at desc) where not execution_succeeded;
-- pg_trgm is in the schema extensions, or still in public where the owner may not move it.
do $$
declare
  v_schema text := (select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_trgm');
begin
  execute pg_catalog.format($index$create index tool_permissions_search on public.tool_permissions
    using gin (private.search_key(tool_name || e'\n' || arguments::text || e'\n' || coalesce(reason, '')) %I.gin_trgm_ops)$index$, v_schema);
  execute pg_catalog.format('create index interactions_caller_key on public.interactions using gin (private.search_key(caller) %I.gin_trgm_ops) where caller is not null',
    v_schema);
end $$;

create or replace function private.decisions_with_text(p_text text) returns uuid[]
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set max_parallel_workers_per_gather = 0
as $$
declare
  v_whose uuid[] := private.visible_supervisor_ids();
  -- What ilike does, in two parts: an index for ilike, as interactions_caller_search, would hide rows by the locale.
  v_pattern text := pg_catalog.lower('%' || pg_catalog.regexp_replace(p_text, '([\\%_])', '\\\1', 'g') || '%');
  v_blocks constant double precision := 50;
  -- An admin's newest rows have enough of what is in more; a supervisor's rows may have none of what others have.
  v_most constant double precision := case private.viewer_role() when 'admin' then 2500 else 5000 end;
  v_all double precision;
  v_piece text;
  v_customer text;
  v_found double precision;
  v_customers double precision;
  v_ids uuid[];
begin
  if pg_catalog.cardinality(v_whose) = 0 then
    return '{}';
  elsif pg_catalog.length(p_text) > 100 then
    raise exception 'a text to search for has at most 100 characters' using errcode = 'FW422';
  end if;
  v_all := greatest(v_blocks, pg_catalog.pg_relation_size('public.tool_permissions') / 8192.0);
  with sample as materialized (
    select private.search_key(t.tool_name || e'\n' || t.arguments::text || e'\n' || coalesce(t.reason, '')) as key
    from public.tool_permissions t tablesample system (100 * v_blocks / v_all))
  select p, pg_catalog.count(s.key) * v_all / v_blocks into v_piece, v_found
  from private.search_pieces(p_text) p left join sample s on s.key like '%' || p || '%'
  group by p order by pg_catalog.count(s.key), pg_catalog.length(p) desc limit 1;
  if v_piece is null then
    return null;
  end if;
  v_all := greatest(v_blocks, pg_catalog.pg_relation_size('public.interactions') / 8192.0);
  with sample as materialized (
    select pg_catalog.concat_ws(e'\n', i.phone_number, private.search_key(i.caller)) as key
    from public.interactions i tablesample system (100 * v_blocks / v_all))
  select p, pg_catalog.count(s.key) * v_all / v_blocks into v_customer, v_customers
  from private.search_pieces(p_text) p left join sample s on s.key like '%' || p || '%'
  group by p order by pg_catalog.count(s.key), pg_catalog.length(p) desc limit 1;
  if greatest(v_found, v_customers) > v_most and private.viewer_role() = 'admin' then
    return null;
  end if;
  -- Planned for these pieces, because the best plan for one is none for another.
  execute pg_catalog.format(
    $query$select array(select f.id from (
      select t.id, t.requested_at from public.tool_permissions t where t.supervisor_id = any ($1) %1$s
        and (pg_catalog.lower(t.tool_name) like $2 or pg_catalog.lower(t.arguments::text) like $2 or pg_catalog.lower(t.reason) like $2)
      union
      select t.id, t.requested_at from public.interactions i join public.tool_permissions t on t.interaction_id = i.id where i.supervisor_id = any ($1) %2$s
        and (pg_catalog.lower(i.caller) like $2 or i.phone_number like $2)) f order by f.requested_at desc, f.id desc)$query$,
    case when v_found <= v_most then pg_catalog.format(
      $part$and private.search_key(t.tool_name || e'\n' || t.arguments::text || e'\n' || coalesce(t.reason, '')) like '%%%s%%'$part$, v_piece) end,
    case when v_customers <= v_most then pg_catalog.format(
      $part$and (private.search_key(i.caller) like '%%%1$s%%' or i.phone_number like '%%%1$s%%')$part$, v_customer) end)
  into v_ids using v_whose, v_pattern;
  return v_ids;
end $$;
comment on function private.decisions_with_text(text) is
  'The reader''s tool permissions with this text in the tool, the arguments, the reason, or the customer''s number or text, the newest first. Null where an index is no help: for a text without three letters or digits in a row, and to an admin for one that more than about 2,500 rows have. FW422.';
grant execute on function private.decisions_with_text(text) to authenticated;

create or replace function private.search_pieces(p_text text) returns setof text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select distinct pg_catalog.substr(r.run[1], n, 6)
  from pg_catalog.regexp_matches(private.search_key(p_text), '[a-z0-9]{3,}', 'g') r(run)
  cross join pg_catalog.generate_series(1, greatest(pg_catalog.length(r.run[1]) - 5, 1)) n
  where n % 3 = 1 or n = pg_catalog.length(r.run[1]) - 5
$$;
comment on function private.search_pieces(text) is
  'Pieces of three to six letters and digits that the key of whatever contains the text contains; none for a text without three in a row.';

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
    perform pg_catalog.gin_clean_pending_list('public.tool_permissions_search');
  elsif p_step = 'performance' then
    perform private.find_waiting();
  end if;
  return v_done;
end $$;
comment on function private.sweep(text) is
  'One batch of one step of the sweeper; how many rows, or null while another process is at it. FW422 for an unknown step.';
grant execute on function private.sweep(text) to floorwalker_web, service_role;
