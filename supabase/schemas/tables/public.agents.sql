create table public.agents (
  id uuid not null default gen_random_uuid(),
  supervisor_id uuid,
  name text not null,
  agent_type text not null,
  system_prompt text not null,
  mcp_tools jsonb,
  status text not null default 'idle',
  slot smallint,
  paused_at timestamptz,
  retired_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  description text,
  first_message text,
  voice_provider text not null default 'deepgram',
  voice_id text not null default 'aura-2-thalia-en',
  voice_name text,
  model_provider text not null default 'ollama',
  model_name text not null default 'mixtral:8x7b',
  language text not null default 'en',
  interrupt_enabled boolean not null default true,
  silence_threshold_seconds double precision not null default 0.8,
  is_template boolean not null default false,
  template_parent_id uuid,
  created_by uuid,
  setup_began_at timestamptz,
  setup_ended_at timestamptz,
  constraint agents_pkey primary key (id),
  constraint agents_owner_and_type unique (id, supervisor_id, agent_type),
  constraint agents_agent_type_check check (agent_type in ('voice', 'chat', 'email', 'sms', 'research')),
  constraint agents_description_check check (length(description) <= 4000),
  constraint agents_first_message_check check (length(first_message) <= 4000),
  constraint agents_language_check check (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$'),
  constraint agents_mcp_tools_shape check (mcp_tools is null or jsonb_typeof(mcp_tools) = 'object'
    and jsonb_typeof(coalesce(mcp_tools -> 'tools', '[]')) = 'array'),
  constraint agents_name_check check (length(name) >= 1 and length(name) <= 255),
  constraint agents_model_check check (length(model_provider) >= 1 and length(model_provider) <= 50
    and length(model_name) >= 1 and length(model_name) <= 100),
  constraint agents_owned check ((supervisor_id is null) = (is_template or agent_type not in ('voice', 'chat'))),
  constraint agents_parent_check check (template_parent_id <> id),
  constraint agents_setup_check check (setup_ended_at is null or setup_began_at is not null),
  constraint agents_silence_check check (silence_threshold_seconds > 0 and silence_threshold_seconds <= 60),
  constraint agents_slot_check check (slot >= 1 and slot <= 3),
  constraint agents_slot_owned check ((slot is null) = (supervisor_id is null)),
  constraint agents_status_check check (status in ('idle', 'in_call', 'in_chat', 'paused')),
  constraint agents_system_prompt_check check (length(system_prompt) <= 100000),
  constraint agents_voice_check check (length(voice_provider) >= 1 and length(voice_provider) <= 50
    and length(voice_id) >= 1 and length(voice_id) <= 100 and length(voice_name) <= 255),
  constraint agents_created_by_fkey foreign key (created_by) references public.users(id) on delete restrict,
  constraint agents_supervisor foreign key (supervisor_id, agent_type) references public.users(id,
    supervisor_type) on delete restrict,
  constraint agents_template_parent_id_fkey foreign key (template_parent_id) references public.agents(id)
    on delete set null
);

comment on table public.agents is
  'AI agents, and templates of agents. At most three of a supervisor that are not retired.';
comment on column public.agents.agent_type is
  'voice or chat; email, sms and research are workers, which no floor shows.';
comment on column public.agents.supervisor_id is
  'Null for templates and workers, and only for them.';
comment on column public.agents.silence_threshold_seconds is
  'Seconds of silence after which the customer has finished a sentence.';
comment on column public.agents.template_parent_id is
  'The agent or template of which this one is a clone.';
comment on column public.agents.created_by is
  'The person who made it; null for the service key and the database''s owner.';
comment on column public.agents.setup_began_at is
  'When the guided set-up began to wait for the first call. Until setup_ended_at, the agent''s interactions are tests.';
comment on column public.agents.mcp_tools is
  'The agent_tools rows in the shape {"tools": [{name, description, requires_permission, config}]}, kept equal both ways.';
comment on column public.agents.status is
  'Derived: in_call or in_chat while an interaction is active, else paused when paused_at is set, else idle.';
comment on column public.agents.slot is
  'Place 1 to 3 among the supervisor''s agents; free again when the agent is retired.';
comment on constraint agents_pkey on public.agents is
  'this id is taken';
comment on constraint agents_owner_and_type on public.agents is
  'this id is taken';
comment on constraint agents_agent_type_check on public.agents is
  'agent_type is voice, chat, email, sms or research';
comment on constraint agents_description_check on public.agents is
  'description has at most 4000 characters';
comment on constraint agents_first_message_check on public.agents is
  'first_message has at most 4000 characters';
comment on constraint agents_language_check on public.agents is
  'language is a code such as en, es or pt-BR';
comment on constraint agents_model_check on public.agents is
  'model_provider has 1 to 50 characters, and model_name 1 to 100';
comment on constraint agents_owned on public.agents is
  'a voice or chat agent has a supervisor, and a template or a worker has none';
comment on constraint agents_parent_check on public.agents is
  'an agent is no clone of itself';
comment on constraint agents_setup_check on public.agents is
  'a set-up that ended has begun';
comment on constraint agents_silence_check on public.agents is
  'silence_threshold_seconds is more than 0 and at most 60';
comment on constraint agents_slot_owned on public.agents is
  'an agent with a supervisor has a slot, and a template or a worker has none';
comment on constraint agents_voice_check on public.agents is
  'voice_provider has 1 to 50 characters, voice_id 1 to 100, and voice_name at most 255';
comment on constraint agents_created_by_fkey on public.agents is
  'an agent was made by a person who exists';
comment on constraint agents_template_parent_id_fkey on public.agents is
  'a clone was made of an agent that exists';
comment on constraint agents_mcp_tools_shape on public.agents is
  'mcp_tools is an object whose tools is a list';
comment on constraint agents_name_check on public.agents is
  'name has 1 to 255 characters';
comment on constraint agents_slot_check on public.agents is
  'slot is 1 to 3';
comment on constraint agents_status_check on public.agents is
  'status is idle, in_call, in_chat or paused';
comment on constraint agents_system_prompt_check on public.agents is
  'system_prompt has at most 100000 characters';
comment on constraint agents_supervisor on public.agents is
  'an agent has a supervisor of its own type, who exists';

-- Three agents in use per supervisor: one in each slot.
create unique index agents_slot on public.agents (supervisor_id, slot) where retired_at is null;
comment on index public.agents_slot is
  'the supervisor has an agent in this slot already';
-- The foreign key: who made it.
create index agents_created_by on public.agents (created_by);
-- Clones of an agent or a template, and the foreign key.
create index agents_template_parent on public.agents (template_parent_id) where template_parent_id is not null;
-- Templates, newest first.
create index agents_templates on public.agents (created_at desc) where is_template;
-- Agents whose set-up waits for the first call.
create index agents_in_setup on public.agents (setup_began_at) where setup_began_at is not null
    and setup_ended_at is null;
-- The foreign key to the supervisor and their type.
create index agents_supervisor_type on public.agents (supervisor_id, agent_type);
-- A supervisor's agents in use by status: the floor and the numbers.
create index agents_working on public.agents (supervisor_id, status) where retired_at is null;
