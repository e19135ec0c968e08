create function private.allow_with_grant(p_claims text, p_id uuid, p_arguments_digest text, p_scope text, p_uses integer, p_minutes integer, p_argument text, p_each numeric, p_sum numeric, p_freed text[]) returns table(won boolean, expired boolean, card jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  perform from public.allow_with_grant(p_id, p_arguments_digest, p_scope, p_uses, p_minutes, p_argument, p_each, p_sum, p_freed);
  won := found;
  card := private.permission_card(p_id);
  expired := card ->> 'status' = 'pending' and card ->> 'held_until' is null
    and (card ->> 'expires_at')::timestamptz <= pg_catalog.clock_timestamp();
  return next;
end $$;
comment on function private.allow_with_grant(text, uuid, text, text, integer, integer, text, numeric, numeric, text[]) is
  'public.allow_with_grant for whose claims these are, and the card that follows it, as decide_v2.';
grant execute on function private.allow_with_grant(text, uuid, text, text, integer, integer, text, numeric, numeric, text[]) to floorwalker_web;
