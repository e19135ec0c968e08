-- Under the policies an ilike reads every row, because it is not leakproof and no index comes before a policy. This function judges itself whose
-- rows the caller may see, and uses the trigram indexes with one piece of the text: that which the fewest rows of a sample have. All
-- trigrams of a long text together cost 90 ms per million rows when most rows have some of them; words that each are in every row, though
-- never side by side, would make candidates of all rows (7 s). The sample is 50 blocks and costs 4 to 12 ms on a busy machine.
-- The indexes hold everybody's rows, so the time that a search takes may depend on rows that the caller may not see; its answer may not: only
-- an admin, who sees everybody, gets null for a text that is too common. A supervisor's own rows are read then.
create function private.decisions_with_text(p_text text) returns uuid[]
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
