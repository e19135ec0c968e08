create function private.take_back(p_claims text, p_id uuid) returns table(won boolean, card jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  perform from public.take_back_tool_permission(p_id);
  won := found;
  card := private.permission_card(p_id);
  return next;
end $$;
comment on function private.take_back(text, uuid) is
  'Takes back the allow that this person has given, while it is held, and the card that follows; won is false when there is nothing of theirs to take back. FW404 when they may not see it.';
grant execute on function private.take_back(text, uuid) to floorwalker_web;
