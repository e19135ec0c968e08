create function private.open_web_session(p_token_hash bytea, p_user_id uuid, p_access bytea, p_refresh bytea, p_expires_at timestamp with time zone, p_user_agent text, p_address text) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
begin
  if pg_catalog.octet_length(p_token_hash) is distinct from 32 or p_access is null or p_refresh is null or p_expires_at is null then
    raise exception 'a session has a sha256, two tokens and an end' using errcode = 'FW422';
  end if;
  insert into private.web_sessions (token_hash, user_id, access_token, refresh_token, expires_at, user_agent, address)
  select p_token_hash, u.id, p_access, p_refresh, p_expires_at, pg_catalog.left(p_user_agent, 400), pg_catalog.left(p_address, 64)
  from public.users u
  where u.id = p_user_id and u.deactivated_at is null and (u.banned_until is null or u.banned_until <= pg_catalog.now())
  for share
  returning id into v_id;
  return v_id;
end $$;
comment on function private.open_web_session(bytea, uuid, bytea, bytea, timestamp with time zone, text, text) is
  'The new session''s id; null for somebody who has no rights here. FW422 for what is no session.';
grant execute on function private.open_web_session(bytea, uuid, bytea, bytea, timestamp with time zone, text, text) to floorwalker_web;
