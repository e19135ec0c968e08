-- Web sessions of people and idempotency keys of agents: private, reached only through these functions.

create table private.web_sessions (
  id uuid primary key default pg_catalog.gen_random_uuid(),
  token_hash bytea not null unique check (pg_catalog.octet_length(token_hash) = 32),
  user_id uuid not null references public.users (id) on delete cascade,
  access_token bytea not null,
  refresh_token bytea not null,
  expires_at timestamptz not null,
  user_agent text check (pg_catalog.length(user_agent) <= 400),
  address text check (pg_catalog.length(address) <= 64),
  created_at timestamptz not null default pg_catalog.now(),
  last_seen_at timestamptz not null default pg_catalog.now()
);
comment on table private.web_sessions is 'Who is signed in where. The cookie''s id is kept as sha256, the tokens encrypted with the web process''s key.';
comment on column private.web_sessions.expires_at is 'When the access token ends.';
create index web_sessions_user on private.web_sessions (user_id);
create index web_sessions_seen on private.web_sessions (last_seen_at);
alter table private.web_sessions enable row level security;

create function private.ring_web_session() returns trigger
language plpgsql set search_path = '' as $$
begin
  perform pg_catalog.pg_notify('floor', 'web_sessions:' || old.id);
  return null;
end $$;
comment on function private.ring_web_session() is 'Trigger: a session ended; its streams end too.';
create trigger web_sessions_60_ring after delete on private.web_sessions
  for each row execute function private.ring_web_session();

create function private.open_web_session(p_token_hash bytea, p_user_id uuid, p_access bytea, p_refresh bytea,
  p_expires_at timestamptz, p_user_agent text, p_address text) returns uuid
language sql volatile security definer set search_path = '' as $$
  insert into private.web_sessions (token_hash, user_id, access_token, refresh_token, expires_at, user_agent, address)
  select p_token_hash, u.id, p_access, p_refresh, p_expires_at, pg_catalog.left(p_user_agent, 400), pg_catalog.left(p_address, 64)
  from public.users u
  where u.id = p_user_id and u.deactivated_at is null and (u.banned_until is null or u.banned_until <= pg_catalog.now())
  returning id
$$;
comment on function private.open_web_session(bytea, uuid, bytea, bytea, timestamptz, text, text) is
  'The new session''s id; null for somebody who has no rights here.';

create function private.find_web_session(p_token_hash bytea, p_lock boolean default false)
returns table (id uuid, user_id uuid, access_token bytea, refresh_token bytea, expires_at timestamptz,
  email text, role text, name text, username text, supervisor_type text)
language plpgsql volatile security definer set search_path = '' as $$
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
end $$;
comment on function private.find_web_session(bytea, boolean) is
  'The session of a cookie and whose it is, locked until the end of the transaction when asked; no row when it ended or its person has no rights.';

create function private.renew_web_session(p_id uuid, p_access bytea, p_refresh bytea, p_expires_at timestamptz) returns void
language sql volatile security definer set search_path = '' as $$
  update private.web_sessions set access_token = p_access, refresh_token = p_refresh, expires_at = p_expires_at,
    last_seen_at = pg_catalog.now() where id = p_id
$$;
comment on function private.renew_web_session(uuid, bytea, bytea, timestamptz) is 'Keeps the tokens of a refresh.';

create function private.close_web_session(p_id uuid) returns void
language sql volatile security definer set search_path = '' as $$
  delete from private.web_sessions where id = p_id
$$;
comment on function private.close_web_session(uuid) is 'Ends one session.';
grant execute on function
  private.open_web_session(bytea, uuid, bytea, bytea, timestamptz, text, text),
  private.find_web_session(bytea, boolean),
  private.renew_web_session(uuid, bytea, bytea, timestamptz),
  private.close_web_session(uuid) to floorwalker_web;

create table private.idempotency_keys (
  agent_id uuid not null references public.agents (id) on delete cascade,
  key text not null check (pg_catalog.length(key) between 1 and 255),
  request_digest bytea not null,
  status integer,
  response jsonb,
  created_at timestamptz not null default pg_catalog.now(),
  primary key (agent_id, key)
);
comment on table private.idempotency_keys is 'Answers of the agent API''s POSTs, given again for 24 h when the same request comes again.';
create index idempotency_keys_created on private.idempotency_keys (created_at);
alter table private.idempotency_keys enable row level security;

-- In the transaction of the request itself: a repeat waits here until the first has committed.
create function private.claim_idempotency_key(p_key text, p_digest bytea)
returns table (status integer, response jsonb)
language plpgsql volatile security definer set search_path = '' as $$
#variable_conflict use_column
declare
  v_agent uuid := private.current_agent();
  v_known private.idempotency_keys;
begin
  delete from private.idempotency_keys
  where agent_id = v_agent and key = p_key and created_at < pg_catalog.now() - interval '24 hours';
  insert into private.idempotency_keys (agent_id, key, request_digest) values (v_agent, p_key, p_digest)
  on conflict do nothing;
  if found then
    return;
  end if;
  select * into v_known from private.idempotency_keys where agent_id = v_agent and key = p_key;
  if v_known.request_digest <> p_digest then
    raise exception 'this Idempotency-Key was used with a different request' using errcode = 'FW422';
  end if;
  return query select v_known.status, v_known.response;
end $$;
comment on function private.claim_idempotency_key(text, bytea) is 'The answer given before, or no row: go on and keep yours. FW422 when the request differs.';

create function private.keep_idempotent_answer(p_key text, p_status integer, p_response jsonb) returns void
language sql volatile security definer set search_path = '' as $$
  update private.idempotency_keys set status = p_status, response = p_response
  where agent_id = private.current_agent() and key = p_key
$$;
comment on function private.keep_idempotent_answer(text, integer, jsonb) is 'Keeps the answer of the request that claimed the key.';
grant execute on function private.claim_idempotency_key(text, bytea),
  private.keep_idempotent_answer(text, integer, jsonb) to agent_runtime;

create function private.live_web_sessions(p_ids uuid[]) returns setof uuid
language sql stable security definer set search_path = '' as $$
  select s.id from private.web_sessions s join public.users u on u.id = s.user_id
  where s.id = any (p_ids) and u.deactivated_at is null
    and (u.banned_until is null or u.banned_until <= pg_catalog.now())
$$;
comment on function private.live_web_sessions(uuid[]) is 'Which of these sessions still stand.';
grant execute on function private.live_web_sessions(uuid[]) to floorwalker_web;
