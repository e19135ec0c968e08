create function private.count_interactions(p_text text, p_part boolean, p_since timestamptz, p_until timestamptz, p_supervisor_id uuid, p_agent_id uuid, p_labels text[]) returns table(found bigint, csat numeric, satisfaction numeric, duration numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_whose uuid[] := private.searchable_supervisors(p_supervisor_id);
begin
  if pg_catalog.length(p_text) > 100 then
    raise exception 'a text to search for has at most 100 characters' using errcode = 'FW422';
  end if;
  return query execute pg_catalog.format('select count(*), avg(c.csat), avg(c.satisfaction), avg(c.duration_seconds) from (
      select s.csat, s.satisfaction, s.duration_seconds from private.interaction_search s where %s order by s.started_at desc, s.interaction_id desc limit 10001) c',
    private.search_condition(p_text, p_part, p_since, p_until, v_whose, p_agent_id, p_labels))
  using private.search_query(p_text), p_since, p_until, v_whose, p_agent_id, p_labels, null::integer,
    case when p_part then '%' || pg_catalog.regexp_replace(p_text, '([\\%_])', '\\\1', 'g') || '%' else p_text end;
end $$;
comment on function private.count_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[]) is
  'How many match, 10001 for more than ten thousand, and the averages of these: CSAT, satisfaction at the end, seconds. FW422 for a text over 100 characters.';
grant execute on function private.count_interactions(text, boolean, timestamptz, timestamptz, uuid, uuid, text[]) to authenticated;
