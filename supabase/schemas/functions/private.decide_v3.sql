create function private.decide_v3(p_claims text, p_id uuid, p_status text, p_reason text, p_arguments_digest text, p_changed json, p_changed_digest text) returns table(won boolean, expired boolean, card jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  won := private.decide_changed(p_id, p_status, p_reason, p_arguments_digest, p_changed, p_changed_digest);
  card := private.permission_card(p_id);
  expired := card ->> 'status' = 'pending' and card ->> 'held_until' is null
    and (card ->> 'expires_at')::timestamptz <= pg_catalog.clock_timestamp();
  return next;
end $$;
comment on function private.decide_v3(text, uuid, text, text, text, json, text) is
  'A person''s decision with changed arguments, and the card that follows it, as decide_v2. FW404, FW409, FW422 as decide_changed.';
grant execute on function private.decide_v3(text, uuid, text, text, text, json, text) to floorwalker_web;
