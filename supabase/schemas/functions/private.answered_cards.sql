create function private.answered_cards(p_ids uuid[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if p_ids = '{}' then
    return '[]';
  end if;
  return (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(d) order by d.responded_at desc), '[]')
    from (
      select t.id, t.tool_name, t.arguments::text as arguments, t.status, t.reason, t.responded_by_name, t.responded_at,
        t.executed_at, a.name as agent_name
      from public.tool_permissions t join public.agents a on a.id = t.agent_id
      where t.id = any (p_ids)) d);
end $$;
comment on function private.answered_cards(uuid[]) is
  'Answered tool permissions with what their lines show, the newest first, through the reader''s own row-level security.';
grant execute on function private.answered_cards(uuid[]) to authenticated;
