create function private.keep_idempotent_answer(p_key text, p_status integer, p_response jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update private.idempotency_keys set status = p_status, response = p_response
  where agent_id = private.current_agent() and key = p_key;
  if not found then
    raise exception 'this Idempotency-Key was not claimed' using errcode = 'FW409';
  end if;
end $$;
comment on function private.keep_idempotent_answer(text, integer, jsonb) is
  'Keeps the answer of the request that claimed the key. FW409 when none did.';
grant execute on function private.keep_idempotent_answer(text, integer, jsonb) to agent_runtime;
