create table public.agent_keys (
  id uuid not null default gen_random_uuid(),
  agent_id uuid not null,
  key_hash bytea not null,
  hint text not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  name text not null default '',
  created_by uuid,
  last_used_at timestamptz,
  constraint agent_keys_pkey primary key (id),
  constraint agent_keys_key_hash_key unique (key_hash),
  constraint agent_keys_hint_check check (length(hint) <= 12),
  constraint agent_keys_key_hash_check check (octet_length(key_hash) = 32),
  constraint agent_keys_name_check check (length(name) <= 100),
  constraint agent_keys_created_by_fkey foreign key (created_by) references public.users(id) on delete restrict,
  constraint agent_keys_agent_id_fkey foreign key (agent_id) references public.agents(id) on delete cascade
);

comment on table public.agent_keys is
  'Keys of the agent API, stored as sha256. The key itself is shown once.';
comment on column public.agent_keys.created_by is
  'The person who made it; null for the service key and the database''s owner.';
comment on column public.agent_keys.last_used_at is
  'Written at most once a minute.';
comment on constraint agent_keys_pkey on public.agent_keys is
  'this id is taken';
comment on constraint agent_keys_key_hash_key on public.agent_keys is
  'a key belongs to one agent';
comment on constraint agent_keys_hint_check on public.agent_keys is
  'hint has at most 12 characters';
comment on constraint agent_keys_name_check on public.agent_keys is
  'the name of a key has at most 100 characters';
comment on constraint agent_keys_created_by_fkey on public.agent_keys is
  'a key was made by a person who exists';
comment on constraint agent_keys_key_hash_check on public.agent_keys is
  'key_hash is a SHA-256 of 32 bytes';
comment on constraint agent_keys_agent_id_fkey on public.agent_keys is
  'a key belongs to an agent that exists';

-- An agent's keys, and the foreign key.
create index agent_keys_agent on public.agent_keys (agent_id);
-- The foreign key: who made it.
create index agent_keys_created_by on public.agent_keys (created_by);
