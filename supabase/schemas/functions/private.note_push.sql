create function private.note_push(p_id bigint, p_attempt integer, p_gone boolean, p_again_after integer) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_gone then
    delete from public.push_subscriptions s using private.push_messages m where m.id = p_id and s.id = m.subscription_id;
  elsif p_again_after is null then
    delete from private.push_messages where id = p_id and attempts = p_attempt;
  else
    update private.push_messages set next_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => greatest(0, least(p_again_after, 3600)))
    where id = p_id and attempts = p_attempt;
  end if;
end $$;
comment on function private.note_push(bigint, integer, boolean, integer) is
  'How an attempt ended. Gone: the push service does not know the browser any more, whose subscription ends. p_again_after is in seconds; null: it was delivered or is given up.';
grant execute on function private.note_push(bigint, integer, boolean, integer) to floorwalker_web;
