create function private.subscribe_push(p_session_id uuid, p_endpoint text, p_host text, p_p256dh bytea, p_auth bytea) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.viewer_role() is null then
    raise exception 'only people are called' using errcode = 'FW403';
  elsif p_endpoint is null or p_host is null or p_p256dh is null or p_auth is null or pg_catalog.length(p_endpoint) > 1000
      or p_endpoint !~ '^https?://[^/?#]' or pg_catalog.octet_length(p_p256dh) <> 65 or pg_catalog.octet_length(p_auth) <> 16 then
    raise exception 'a subscription has an address of at most 1000 characters, its host, a key of 65 bytes and a secret of 16' using errcode = 'FW422';
  end if;
  -- Locked, so that a session that ends at this moment leaves no subscription.
  perform from private.web_sessions where id = p_session_id and user_id = private.viewer_id() for key share;
  if not found then
    raise exception 'there is no such session' using errcode = 'FW404';
  end if;
  -- The browser may have been another person's before, and a session may get another address from its browser.
  delete from public.push_subscriptions where endpoint = p_endpoint and session_id <> p_session_id;
  insert into public.push_subscriptions as s (user_id, session_id, endpoint, host, p256dh, auth)
  values (private.viewer_id(), p_session_id, p_endpoint, pg_catalog.left(p_host, 300), p_p256dh, p_auth)
  on conflict (session_id) do update set endpoint = excluded.endpoint, host = excluded.host, p256dh = excluded.p256dh, auth = excluded.auth;
end $$;
comment on function private.subscribe_push(uuid, text, text, bytea, bytea) is
  'The browser of this session, which is the viewer''s, gets signals by web push. FW403, FW404, FW422.';
grant execute on function private.subscribe_push(uuid, text, text, bytea, bytea) to authenticated;
