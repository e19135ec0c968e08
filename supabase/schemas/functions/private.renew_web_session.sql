create function private.renew_web_session(p_id uuid, p_access bytea, p_refresh bytea, p_expires_at timestamp with time zone) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_access is null or p_refresh is null or p_expires_at is null then
    raise exception 'a session has two tokens and an end' using errcode = 'FW422';
  end if;
  update private.web_sessions set access_token = p_access, refresh_token = p_refresh, expires_at = p_expires_at,
    last_seen_at = pg_catalog.now() where id = p_id;
end $$;
comment on function private.renew_web_session(uuid, bytea, bytea, timestamp with time zone) is
  'Keeps the tokens of a refresh; nothing when the session ended meanwhile. FW422.';
grant execute on function private.renew_web_session(uuid, bytea, bytea, timestamp with time zone) to floorwalker_web;
