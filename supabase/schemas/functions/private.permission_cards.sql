create function private.permission_cards(p_ids uuid[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if p_ids = '{}' then
    return '[]';
  end if;
  return (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(c) order by pg_catalog.array_position(p_ids, c.id)), '[]')
    from private.tool_permission_cards c where c.id = any (p_ids));
end $$;
comment on function private.permission_cards(uuid[]) is
  'Tool permissions with what their cards show, in this order, through the reader''s own row-level security.';
grant execute on function private.permission_cards(uuid[]) to authenticated;
