create function private.web_sessions_of(p_user_id uuid) returns table(id uuid, user_agent text, address text, created_at timestamp with time zone, last_seen_at timestamp with time zone)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select id, user_agent, address, created_at, last_seen_at from private.web_sessions
  where user_id = p_user_id order by last_seen_at desc, id
$$;
comment on function private.web_sessions_of(uuid) is
  'Where a person is signed in, the last seen first.';
grant execute on function private.web_sessions_of(uuid) to floorwalker_web;
