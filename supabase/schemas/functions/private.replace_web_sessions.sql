create function private.replace_web_sessions(p_token_hash bytea, p_user_id uuid, p_access bytea, p_refresh bytea, p_expires_at timestamp with time zone, p_user_agent text, p_address text) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.close_web_sessions_of(p_user_id);
  return private.open_web_session(p_token_hash, p_user_id, p_access, p_refresh, p_expires_at, p_user_agent, p_address);
end $$;
comment on function private.replace_web_sessions(bytea, uuid, bytea, bytea, timestamp with time zone, text, text) is
  'The new session''s id, the only one of this person from now on; null for somebody who has no rights here. FW422 for what is no session.';
grant execute on function private.replace_web_sessions(bytea, uuid, bytea, bytea, timestamp with time zone, text, text) to floorwalker_web;
