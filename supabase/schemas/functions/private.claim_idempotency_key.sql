create function private.claim_idempotency_key(p_key text, p_digest bytea) returns table(status integer, response jsonb)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_agent uuid := private.current_agent();
  v_known private.idempotency_keys;
begin
  if v_agent is null then
    raise exception 'this key is revoked' using errcode = 'FW403';
  elsif coalesce(pg_catalog.length(p_key), 0) not between 1 and 255 or p_digest is null then
    raise exception 'an Idempotency-Key has 1 to 255 characters' using errcode = 'FW422';
  end if;
  delete from private.idempotency_keys
  where agent_id = v_agent and key = p_key and created_at < pg_catalog.now() - interval '24 hours';
  insert into private.idempotency_keys (agent_id, key, request_digest) values (v_agent, p_key, p_digest)
  on conflict do nothing;
  if found then
    return;
  end if;
  select * into v_known from private.idempotency_keys where agent_id = v_agent and key = p_key;
  if v_known.request_digest <> p_digest then
    raise exception 'this Idempotency-Key was used with a different request' using errcode = 'FW422';
  end if;
  return query select v_known.status, v_known.response;
end $$;
comment on function private.claim_idempotency_key(text, bytea) is
  'The answer given before, or no row: go on and keep yours. FW403 for a revoked key, FW422 when the request differs or the key is none.';
grant execute on function private.claim_idempotency_key(text, bytea) to agent_runtime;
