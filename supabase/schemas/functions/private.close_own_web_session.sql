create function private.close_own_web_session(p_user_id uuid, p_id uuid) returns table(id uuid, access_token bytea, refresh_token bytea, expires_at timestamp with time zone)
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  delete from private.web_sessions where id = p_id and user_id = p_user_id
  returning id, access_token, refresh_token, expires_at
$$;
comment on function private.close_own_web_session(uuid, uuid) is
  'Ends one session of this person; its tokens, so that it ends at the Auth server as well. No row when it is not theirs.';
grant execute on function private.close_own_web_session(uuid, uuid) to floorwalker_web;
