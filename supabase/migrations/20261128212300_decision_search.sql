-- The history of tool permissions: a text that few rows have, and executions that failed, made its page read every row of the time. The rows of
-- private.decision_search are made by the sweeper, the oldest first, 500 each half second; until it is done a search reads every row as before.

-- What the history of tool permissions finds a text by. The index is not on public.tool_permissions: of a request it would hold all three row
-- versions (asked, decided, executed), which doubles the log that a request writes (13 kB, then 27), while an agent and a person wait. Here a
-- request has one row, which the sweeper makes when 500 have come, and neither statement does anything for it.
create table private.decision_search (
  tool_permission_id uuid not null,
  agent_id uuid not null,
  requested_at timestamptz not null,
  key text,
  constraint decision_search_pkey primary key (tool_permission_id),
  constraint decision_search_tool_permission foreign key (tool_permission_id) references public.tool_permissions(id) on delete cascade
);
-- The planner learns from these keys how many rows have a text: with 100 of them, what 1 in 1,000 have would look like 1 in 100, or none.
alter table private.decision_search alter column key set statistics 500;

comment on table private.decision_search is
  'One row for each tool permission but the newest, made by private.fill_decision_search in the order in which they were asked. Read by private.decisions_with_text alone.';
comment on column private.decision_search.agent_id is
  'And not the supervisor: when an agent moves, with all its requests, nothing changes here.';
comment on column private.decision_search.key is
  'Tool, arguments, reason and customer as private.search_key has them; null while it waits for a decision.';
comment on constraint decision_search_pkey on private.decision_search is
  'a tool permission is found once';
comment on constraint decision_search_tool_permission on private.decision_search is
  'what is found is a tool permission that exists';

-- A part of the text. Its new entries wait in a list that private.fill_decision_search sorts in.
-- pg_trgm is in the schema extensions, or still in public where the owner may not move it.
do $$
begin
  execute pg_catalog.format('create index decision_search_key on private.decision_search using gin (key %I.gin_trgm_ops)',
    (select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm'));
end $$;
-- Everybody's, newest first; and the newest, after which private.fill_decision_search goes on.
create index decision_search_requested on private.decision_search (requested_at desc);
-- Those that waited for a decision when their row was made.
create index decision_search_waiting on private.decision_search (tool_permission_id) where key is null;

-- Through functions alone, which judge themselves whose rows the reader may see.
alter table private.decision_search enable row level security;

-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; built in half a second per million rows
create index tool_permissions_failed on public.tool_permissions (requested_at desc) where not execution_succeeded;

-- pg_trgm knows letters and digits by the locale of the cluster, in the embedded one those of ASCII alone, and makes no trigram across anything
-- else. So everything becomes letters and digits of ASCII: what JSON and names are full of one rare letter, every other character a q and two more.
-- Then words side by side have trigrams of their own, a Chinese character and a % have one, and only one or two usual characters have none.
create or replace function private.search_key(p_text text) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_digits constant text := '0123456789abcdefghijklmnopqrstuvwxyz';
  v_text text := pg_catalog.translate(pg_catalog.lower(p_text), e' "{}:,.-_/[]@+\n\\()''', 'zjxxvkwwykxxyyxvxxw');
begin
  if v_text ~ '^[a-z0-9]*$' then
    return v_text;
  end if;
  return (select pg_catalog.string_agg(case when c.one ~ '[a-z0-9]' then c.one
      else 'q' || pg_catalog.substr(v_digits, 1 + pg_catalog.ascii(c.one) / 36 % 36, 1) || pg_catalog.substr(v_digits, 1 + pg_catalog.ascii(c.one) % 36, 1)
      end, '' order by c.n)
    from pg_catalog.string_to_table(v_text, null) with ordinality c(one, n));
end $$;
comment on function private.search_key(text) is
  'The text in letters and digits of ASCII. What contains a text, in any case, has a key that contains the key of the text; the reverse is seen in the row alone.';

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
  return private.search_key(pg_catalog.concat_ws(e'\n', p_permission.tool_name, p_permission.arguments::text, p_permission.reason, v_caller, v_phone_number, ''));
end $$;
comment on function private.decision_key(public.tool_permissions) is
  'What private.decision_search holds of an ended tool permission.';

-- In batches, because 500 rows that come together change each page of the index once. The newest minute is left out: a request whose
-- transaction commits late has an earlier time than others that are stored already, and no statement of ours takes longer than ten seconds.
create or replace function private.fill_decision_search(p_batch integer default 500, p_age interval default '1 minute') returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_mark timestamptz := coalesce((select pg_catalog.max(requested_at) from private.decision_search), '-infinity');
  v_until timestamptz := (select requested_at from public.tool_permissions where requested_at > v_mark and requested_at < pg_catalog.now() - p_age
    order by requested_at offset p_batch - 1 limit 1);
  v_end timestamptz := pg_catalog.clock_timestamp() + interval '1 second';  -- 500 with the largest arguments would take longer than a statement may
  v_index constant regclass := 'private.decision_search_key';
  v_permission public.tool_permissions;
  v_count integer := 0;
begin
  -- A statement that changes a row which may be read here takes this lock too (private.follow_decision_search), so that no old text is stored over the change.
  if v_until is null or not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker decision search', 0)) then
    return 0;
  end if;
  for v_permission in
    select t.* from private.decision_search s join public.tool_permissions t on t.id = s.tool_permission_id
    where s.key is null and t.status <> 'pending'
  loop
    exit when pg_catalog.clock_timestamp() > v_end;
    update private.decision_search set key = private.decision_key(v_permission) where tool_permission_id = v_permission.id;
    v_count := v_count + 1;
  end loop;
  for v_permission in
    select * from public.tool_permissions where requested_at > v_mark and requested_at <= v_until order by requested_at
  loop
    exit when pg_catalog.clock_timestamp() > v_end and v_permission.requested_at > v_mark;
    v_mark := v_permission.requested_at;
    insert into private.decision_search (tool_permission_id, agent_id, requested_at, key)
    values (v_permission.id, v_permission.agent_id, v_permission.requested_at,
      case when v_permission.status <> 'pending' then private.decision_key(v_permission) end)
    on conflict do nothing;
    v_count := v_count + 1;
  end loop;
  perform pg_catalog.gin_clean_pending_list(v_index);
  return v_count;
end $$;
comment on function private.fill_decision_search(integer, interval) is
  'Makes the next rows of private.decision_search once so many of this age have come, and completes those that were decided meanwhile, for a second at most; how many.';

create or replace function private.follow_decision_search() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Waits for private.fill_decision_search, which may have read the row as it was.
  perform pg_catalog.pg_advisory_xact_lock_shared(pg_catalog.hashtextextended('floorwalker decision search', 0));
  if tg_table_name = 'interactions' then
    update private.decision_search s set key = private.decision_key(t)
    from public.tool_permissions t where t.interaction_id = new.id and s.tool_permission_id = t.id and s.key is not null;
  else
    update private.decision_search set key = private.decision_key(new) where tool_permission_id = new.id and key is not null;
  end if;
  return null;
end $$;
comment on function private.follow_decision_search() is
  'Trigger: a tool permission was forgotten, or the number or the text of a customer changed.';

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
      select t.tool_permission_id as id, t.requested_at from private.decision_search t where %1$s and pg_catalog.strpos(t.key, $10) > 0 %2$s %4$s)
    select array(select f.id from (
      select * from named
      union
      (select t.id, t.requested_at from (
          select tool_permission_id from private.decision_search where key is null
          union all select id from public.tool_permissions t where t.requested_at > $5 %3$s) n (id)
        join public.tool_permissions t using (id)
        where (t.tool_name ilike $6 or t.arguments::text ilike $6 or t.reason ilike $6
          or (select i.caller ilike $6 or i.phone_number ilike $6 from public.interactions i where i.id = t.interaction_id)) %3$s %4$s
        order by t.requested_at %5$s, t.id %5$s limit $7)
      %6$s) f order by f.requested_at %5$s, f.id %5$s limit $7)$query$,
    case when pg_catalog.length(v_key) > 2 then pg_catalog.format('t.key like %L', '%' || v_piece || '%')
      else pg_catalog.format('t.key ~ %L', v_key || '[0-9a-z]') end,
    case when v_whose is not null then 'and t.agent_id = any ($9)' end,
    v_mine, v_span, v_way,
    case when pg_catalog.cardinality(v_agents) > 0 then pg_catalog.format($part$union
      (select t.id, t.requested_at from public.tool_permissions t where t.agent_id = any ($8) %1$s %2$s
        order by t.requested_at %3$s, t.id %3$s limit $7)$part$, v_mine, v_span, v_way) end)
  into ids using v_whose, p_since, p_until, p_place, v_mark, v_pattern, p_limit, v_agents, v_own, v_key;
end $$;
comment on function private.decisions_with_text(text, uuid, timestamptz, timestamptz, timestamptz, boolean, integer) is
  'The first so many of the reader''s tool permissions, from this place on, that may have this text in tool, arguments, reason, agent''s name or customer; all that have it are among them. Null where the text is common, and where no index helps: one usual character, or too many rows are not in private.decision_search yet. FW422.';
grant execute on function private.decisions_with_text(text, uuid, timestamptz, timestamptz, timestamptz, boolean, integer) to authenticated;

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
    perform private.fill_decision_search();
  end if;
  return v_done;
end $$;
comment on function private.sweep(text) is
  'One batch of one step of the sweeper; how many rows, or null while another process is at it. FW422 for an unknown step.';
grant execute on function private.sweep(text) to floorwalker_web, service_role;

create trigger tool_permissions_50_search after update of arguments, reason on public.tool_permissions for each row
    when (old.status <> 'pending' and (old.arguments::text <> new.arguments::text or old.reason is distinct from new.reason))
  execute function private.follow_decision_search();
create trigger interactions_58_decision_search after update of phone_number, caller on public.interactions
    for each row when (old.phone_number is distinct from new.phone_number
    or old.caller is distinct from new.caller)
  execute function private.follow_decision_search();
