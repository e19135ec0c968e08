create table private.idempotency_keys (
  agent_id uuid not null,
  key text not null,
  request_digest bytea not null,
  status integer,
  response jsonb,
  created_at timestamptz not null default now(),
  constraint idempotency_keys_pkey primary key (agent_id, key),
  constraint idempotency_keys_key_check check (length(key) >= 1 and length(key) <= 255),
  constraint idempotency_keys_agent_id_fkey foreign key (agent_id) references public.agents(id) on delete cascade
);

comment on table private.idempotency_keys is
  'Answers to POSTs of the agent API, repeated for 24 h when the same request is sent again.';
comment on constraint idempotency_keys_pkey on private.idempotency_keys is
  'an agent uses an Idempotency-Key once';
comment on constraint idempotency_keys_key_check on private.idempotency_keys is
  'an Idempotency-Key has 1 to 255 characters';
comment on constraint idempotency_keys_agent_id_fkey on private.idempotency_keys is
  'an Idempotency-Key belongs to an agent that exists';

-- Retention: answers older than a day are deleted.
create index idempotency_keys_created on private.idempotency_keys (created_at);
