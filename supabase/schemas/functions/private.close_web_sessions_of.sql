create function private.close_web_sessions_of(p_user_id uuid) returns setof uuid
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  delete from private.web_sessions where id in (
    select id from private.web_sessions where user_id = p_user_id order by id for update)
  returning id
$$;
comment on function private.close_web_sessions_of(uuid) is
  'Ends all sessions of this person.';
grant execute on function private.close_web_sessions_of(uuid) to floorwalker_web;
