create function private.answer_drill(p_claims text, p_id uuid, p_status text, p_arguments_digest text) returns table(won boolean, card jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  won := private.settle_drill(p_id, p_status, p_arguments_digest);
  card := private.drill_card(p_id);
  return next;
end $$;
comment on function private.answer_drill(text, uuid, text, text) is
  'settle_drill for the person with these claims, and the card that follows. FW404, FW422.';
grant execute on function private.answer_drill(text, uuid, text, text) to floorwalker_web;
