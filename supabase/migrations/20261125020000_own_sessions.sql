-- People see and end their own web sessions; when a session was last seen is right to the minute.

-- A session is seen by requests and by open streams. It is written once a minute, and never waits: a renewal holds the
-- row for as long as the Auth server takes.
create or replace function private.find_web_session(p_token_hash bytea, p_lock boolean default false)
returns table (id uuid, user_id uuid, access_token bytea, refresh_token bytea, expires_at timestamptz,
  email text, role text, name text, username text, supervisor_type text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
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

create or replace function private.live_web_sessions(p_ids uuid[]) returns setof uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_live uuid[] := array(
    select s.id from private.web_sessions s join public.users u on u.id = s.user_id
    where s.id = any (p_ids) and u.deactivated_at is null
      and (u.banned_until is null or u.banned_until <= pg_catalog.now()));
begin
  update private.web_sessions set last_seen_at = pg_catalog.now() where id in (
    select id from private.web_sessions
    where id = any (v_live) and last_seen_at < pg_catalog.now() - interval '1 minute'
    for update skip locked);
  return query select pg_catalog.unnest(v_live);
end $$;
comment on function private.live_web_sessions(uuid[]) is 'Which of these sessions still stand; they have been seen.';

create function private.web_sessions_of(p_user_id uuid)
returns table (id uuid, user_agent text, address text, created_at timestamptz, last_seen_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select id, user_agent, address, created_at, last_seen_at from private.web_sessions
  where user_id = p_user_id order by last_seen_at desc, id
$$;
comment on function private.web_sessions_of(uuid) is 'Where a person is signed in, the last seen first.';

create function private.close_own_web_session(p_user_id uuid, p_id uuid)
returns table (id uuid, access_token bytea, refresh_token bytea, expires_at timestamptz)
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  delete from private.web_sessions where id = p_id and user_id = p_user_id
  returning id, access_token, refresh_token, expires_at
$$;
comment on function private.close_own_web_session(uuid, uuid) is
  'Ends one session of this person; its tokens, so that it ends at the Auth server as well. No row when it is not theirs.';

create function private.close_web_sessions_of(p_user_id uuid) returns setof uuid
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  delete from private.web_sessions where id in (
    select id from private.web_sessions where user_id = p_user_id order by id for update)
  returning id
$$;
comment on function private.close_web_sessions_of(uuid) is 'Ends all sessions of this person.';

create function private.replace_web_sessions(p_token_hash bytea, p_user_id uuid, p_access bytea, p_refresh bytea,
  p_expires_at timestamptz, p_user_agent text, p_address text) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform private.close_web_sessions_of(p_user_id);
  return private.open_web_session(p_token_hash, p_user_id, p_access, p_refresh, p_expires_at, p_user_agent, p_address);
end $$;
comment on function private.replace_web_sessions(bytea, uuid, bytea, bytea, timestamptz, text, text) is
  'The new session''s id, the only one of this person from now on; null for somebody who has no rights here. FW422 for what is no session.';

grant execute on function
  private.web_sessions_of(uuid),
  private.close_own_web_session(uuid, uuid),
  private.close_web_sessions_of(uuid),
  private.replace_web_sessions(bytea, uuid, bytea, bytea, timestamptz, text, text) to floorwalker_web;

-- A session lasts as long as the rights it was opened with: what is lifted later (a ban, a role that was away) gives no old
-- cookie its life back.
create function private.close_web_sessions() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform private.close_web_sessions_of(new.id);
  return null;
end $$;
comment on function private.close_web_sessions() is 'Trigger: somebody lost their rights or has others now; they sign in anew.';
create trigger users_50_close_web_sessions after update of deactivated_at, banned_until, role on public.users for each row
  when (old.role <> new.role or (old.deactivated_at is null and new.deactivated_at is not null)
    or (new.banned_until > now() and old.banned_until is distinct from new.banned_until))
  execute function private.close_web_sessions();

-- In step with that: whoever is losing their rights at this moment is waited for.
create or replace function private.open_web_session(p_token_hash bytea, p_user_id uuid, p_access bytea, p_refresh bytea,
  p_expires_at timestamptz, p_user_agent text, p_address text) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
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

-- Whoever remembers an agent's key forgets it too when the agent retires, or when the key is gone altogether.
create function private.ring_agent_keys() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_catalog.pg_notify('floor', 'agent_keys:' || (case tg_table_name
    when 'agents' then pg_catalog.to_jsonb(new) ->> 'id' else pg_catalog.to_jsonb(old) ->> 'agent_id' end));
  return null;
end $$;
comment on function private.ring_agent_keys() is 'Trigger: an agent retired or came back, or a key is gone; whoever remembers its keys forgets them.';
create trigger agents_63_ring_keys after update of retired_at on public.agents
  for each row when (old.retired_at is distinct from new.retired_at) execute function private.ring_agent_keys();
create trigger agent_keys_61_ring_delete after delete on public.agent_keys
  for each row execute function private.ring_agent_keys();
