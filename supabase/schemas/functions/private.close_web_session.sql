create function private.close_web_session(p_id uuid) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  delete from private.web_sessions where id = p_id
$$;
comment on function private.close_web_session(uuid) is
  'Ends one session.';
grant execute on function private.close_web_session(uuid) to floorwalker_web;
