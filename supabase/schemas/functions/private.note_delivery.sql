create function private.note_delivery(p_id bigint, p_attempt integer, p_delivered boolean, p_status integer, p_answer text,
  p_again_after integer) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update public.webhook_deliveries set http_status = p_status, answer = pg_catalog.left(p_answer, 500),
    delivered_at = case when p_delivered then pg_catalog.clock_timestamp() end,
    next_at = case when not p_delivered and p_again_after is not null then pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => greatest(0, least(p_again_after, 86400))) end
  where id = p_id and attempts = p_attempt and delivered_at is null;
  return found;
end $$;
comment on function private.note_delivery(bigint, integer, boolean, integer, text, integer) is
  'How an attempt ended; p_again_after is in seconds, null gives up. False when another attempt has begun meanwhile.';
grant execute on function private.note_delivery(bigint, integer, boolean, integer, text, integer) to floorwalker_web, service_role;
