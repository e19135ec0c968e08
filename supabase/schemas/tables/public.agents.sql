create table public.agents (
  id uuid not null default gen_random_uuid(),
  supervisor_id uuid not null,
  name text not null,
  agent_type text not null,
  system_prompt text not null,
  mcp_tools jsonb,
  status text not null default 'idle',
  slot smallint not null,
  paused_at timestamptz,
  retired_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint agents_pkey primary key (id),
  constraint agents_owner_and_type unique (id, supervisor_id, agent_type),
  constraint agents_agent_type_check check (agent_type in ('voice', 'chat')),
  constraint agents_mcp_tools_shape check (mcp_tools is null or jsonb_typeof(mcp_tools) = 'object'
    and jsonb_typeof(coalesce(mcp_tools -> 'tools', '[]')) = 'array'),
  constraint agents_name_check check (length(name) >= 1 and length(name) <= 255),
  constraint agents_slot_check check (slot >= 1 and slot <= 3),
  constraint agents_status_check check (status in ('idle', 'in_call', 'in_chat', 'paused')),
  constraint agents_system_prompt_check check (length(system_prompt) <= 100000),
  constraint agents_supervisor foreign key (supervisor_id, agent_type) references public.users(id,
    supervisor_type) on delete restrict
);

comment on table public.agents is
  'AI agents. At most three of a supervisor that are not retired.';
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
  'agent_type is voice or chat';
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
-- The foreign key to the supervisor and their type.
create index agents_supervisor_type on public.agents (supervisor_id, agent_type);
-- A supervisor's agents in use by status: the floor and the numbers.
create index agents_working on public.agents (supervisor_id, status) where retired_at is null;
