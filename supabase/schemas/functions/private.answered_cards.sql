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
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(c) order by c.responded_at desc), '[]')
    from private.decision_cards c where c.id = any (p_ids));
end $$;
comment on function private.answered_cards(uuid[]) is
  'Answered tool permissions with what their lines show, the newest first, through the reader''s own row-level security.';
grant execute on function private.answered_cards(uuid[]) to authenticated;
