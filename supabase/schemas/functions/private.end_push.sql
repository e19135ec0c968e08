create function private.end_push(p_session_id uuid) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  delete from public.push_subscriptions where session_id = p_session_id and user_id = private.viewer_id()
    and private.viewer_role() is not null
$$;
comment on function private.end_push(uuid) is
  'The browser of this session, if it is the viewer''s, gets no more signals by web push.';
grant execute on function private.end_push(uuid) to authenticated;
