create function private.find_web_session(p_token_hash bytea, p_lock boolean default false) returns table(id uuid, user_id uuid, access_token bytea, refresh_token bytea, expires_at timestamp with time zone, email text, role text, name text, username text, supervisor_type text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if p_lock then
    perform from private.web_sessions where token_hash = p_token_hash for update;
  end if;
  return query
  select s.id, s.user_id, s.access_token, s.refresh_token, s.expires_at, u.email, u.role, u.name, u.username, u.supervisor_type
  from private.web_sessions s join public.users u on u.id = s.user_id
  where s.token_hash = p_token_hash and u.deactivated_at is null
    and (u.banned_until is null or u.banned_until <= pg_catalog.now());
  if found and not p_lock then
    update private.web_sessions set last_seen_at = pg_catalog.now() where id = (
      select id from private.web_sessions
      where token_hash = p_token_hash and last_seen_at < pg_catalog.now() - interval '1 minute'
      for update skip locked);
  end if;
end $$;
comment on function private.find_web_session(bytea, boolean) is
  'The session of a cookie and whose it is, locked until the end of the transaction when asked; no row when it ended or its person has no rights.';
grant execute on function private.find_web_session(bytea, boolean) to floorwalker_web;
