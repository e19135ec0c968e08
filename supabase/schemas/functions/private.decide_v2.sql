create function private.decide_v2(p_claims text, p_id uuid, p_status text, p_reason text, p_arguments_digest text, p_for_interaction boolean) returns table(won boolean, expired boolean, card jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  if p_for_interaction then
    raise exception 'a standing approval says what it covers, which this version does not know: restart the server with the new one' using errcode = 'FW409';
  end if;
  perform from public.decide_tool_permission(p_id, p_status, p_reason, p_arguments_digest);
  won := found;
  card := private.permission_card(p_id);
  expired := card ->> 'status' = 'pending' and card ->> 'held_until' is null
    and (card ->> 'expires_at')::timestamptz <= pg_catalog.clock_timestamp();
  return next;
end $$;
comment on function private.decide_v2(text, uuid, text, text, text, boolean) is
  'A person''s decision, and the card that follows it; won is false when it was decided before, has expired (which nobody may have marked yet) or has other arguments. Whose claims these are sees and decides only what is theirs: FW404, FW422 as decide_tool_permission; FW409 for the rest of the interaction, as the last release asks it.';
grant execute on function private.decide_v2(text, uuid, text, text, text, boolean) to floorwalker_web;
