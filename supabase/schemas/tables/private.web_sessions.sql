create table private.web_sessions (
  id uuid not null default gen_random_uuid(),
  token_hash bytea not null,
  user_id uuid not null,
  access_token bytea not null,
  refresh_token bytea not null,
  expires_at timestamptz not null,
  user_agent text,
  address text,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  constraint web_sessions_pkey primary key (id),
  constraint web_sessions_token_hash_key unique (token_hash),
  constraint web_sessions_address_check check (length(address) <= 64),
  constraint web_sessions_token_hash_check check (octet_length(token_hash) = 32),
  constraint web_sessions_user_agent_check check (length(user_agent) <= 400),
  constraint web_sessions_user_id_fkey foreign key (user_id) references public.users(id) on delete cascade
);

comment on table private.web_sessions is
  'Sessions of people in browsers. The cookie''s id is stored as sha256, the tokens encrypted with the web process''s key.';
comment on column private.web_sessions.expires_at is
  'When the access token ends.';
comment on constraint web_sessions_pkey on private.web_sessions is
  'this id is taken';
comment on constraint web_sessions_token_hash_key on private.web_sessions is
  'a session has a token of its own';
comment on constraint web_sessions_address_check on private.web_sessions is
  'address has at most 64 characters';
comment on constraint web_sessions_token_hash_check on private.web_sessions is
  'token_hash is a SHA-256 of 32 bytes';
comment on constraint web_sessions_user_agent_check on private.web_sessions is
  'user_agent has at most 400 characters';
comment on constraint web_sessions_user_id_fkey on private.web_sessions is
  'a session belongs to a person who exists';

-- Retention: sessions unused for long are deleted.
create index web_sessions_seen on private.web_sessions (last_seen_at);
-- A person's sessions: their list, and to end them all. Also the foreign key.
create index web_sessions_user on private.web_sessions (user_id);
