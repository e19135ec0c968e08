create function private.permission_card(p_id uuid) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case t.status when 'pending' then private.permission_cards(array[t.id]) else private.answered_cards(array[t.id]) end -> 0
  from public.tool_permissions t where t.id = p_id
$$;
comment on function private.permission_card(uuid) is
  'What the card of this tool permission shows as it stands; none when it is not the reader''s.';
grant execute on function private.permission_card(uuid) to authenticated;
