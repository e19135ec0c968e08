create table public.agent_config (
  id uuid not null default gen_random_uuid(),
  agent_id uuid not null,
  config_key text not null,
  config_value jsonb not null,
  updated_at timestamptz not null default now(),
  constraint agent_config_pkey primary key (id),
  constraint agent_config_once unique (agent_id, config_key),
  constraint agent_config_key_check check (config_key ~ '^[a-z][a-z0-9_]{0,99}$'),
  constraint agent_config_size_check check (octet_length(config_value::text) <= 20000),
  constraint agent_config_max_call_duration check (config_key <> 'max_call_duration'
    or jsonb_typeof(config_value) = 'number' and (config_value #>> '{}') ~ '^[1-9][0-9]{0,4}$'
    and (config_value #>> '{}')::integer <= 86400),
  constraint agent_config_enable_recording check (config_key <> 'enable_recording' or jsonb_typeof(config_value) = 'boolean'),
  constraint agent_config_callback_url check (config_key <> 'callback_url'
    or jsonb_typeof(config_value) = 'string' and (config_value #>> '{}') ~ '^https?://[^[:space:]/?#@]+([/?#][^[:space:]]*)?$'
    and length(config_value #>> '{}') <= 2000),
  constraint agent_config_custom_metadata check (config_key <> 'custom_metadata' or jsonb_typeof(config_value) = 'object'),
  constraint agent_config_agent_id_fkey foreign key (agent_id) references public.agents(id) on delete cascade
);

comment on table public.agent_config is
  'Further configuration of an agent, by key. The keys max_call_duration, enable_recording, callback_url and custom_metadata have a type.';
comment on column public.agent_config.config_value is
  'max_call_duration is in seconds.';
comment on constraint agent_config_pkey on public.agent_config is
  'this id is taken';
comment on constraint agent_config_once on public.agent_config is
  'the agent has this key already';
comment on constraint agent_config_key_check on public.agent_config is
  'a key has 1 to 100 small letters, digits and underscores, and begins with a letter';
comment on constraint agent_config_size_check on public.agent_config is
  'a value has at most 20000 bytes';
comment on constraint agent_config_max_call_duration on public.agent_config is
  'max_call_duration is a whole number of seconds, 1 to 86400';
comment on constraint agent_config_enable_recording on public.agent_config is
  'enable_recording is true or false';
comment on constraint agent_config_callback_url on public.agent_config is
  'callback_url is an address that begins with http:// or https://, without a password, of at most 2000 characters';
comment on constraint agent_config_custom_metadata on public.agent_config is
  'custom_metadata is an object';
comment on constraint agent_config_agent_id_fkey on public.agent_config is
  'a configuration belongs to an agent that exists';
