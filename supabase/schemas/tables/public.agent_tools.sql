create table public.agent_tools (
  id uuid not null default gen_random_uuid(),
  agent_id uuid not null,
  tool_name text not null,
  description text,
  input_schema jsonb,
  tool_config jsonb,
  requires_permission boolean not null default false,
  created_at timestamptz not null default now(),
  undo_seconds integer not null default 0,
  constraint agent_tools_pkey primary key (id),
  constraint agent_tools_name unique (agent_id, tool_name),
  constraint agent_tools_description_check check (length(description) <= 4000),
  constraint agent_tools_input_schema_check check (jsonb_typeof(input_schema) = 'object'),
  constraint agent_tools_tool_config_check check (jsonb_typeof(tool_config) = 'object'),
  constraint agent_tools_tool_name_check check (length(tool_name) >= 1 and length(tool_name) <= 255),
  constraint agent_tools_undo_seconds check (undo_seconds >= 0 and undo_seconds <= 300),
  constraint agent_tools_agent_id_fkey foreign key (agent_id) references public.agents(id) on delete cascade
);

comment on table public.agent_tools is
  'The tools of an agent, and which of them need a supervisor''s permission. agents.mcp_tools is derived from it and kept equal.';
comment on column public.agent_tools.undo_seconds is
  'Seconds during which an allow of this tool can be taken back by the person who gave it, and has no effect yet. 0: it has effect at once.';
comment on constraint agent_tools_pkey on public.agent_tools is
  'this id is taken';
comment on constraint agent_tools_name on public.agent_tools is
  'the agent has a tool of this name already';
comment on constraint agent_tools_description_check on public.agent_tools is
  'description has at most 4000 characters';
comment on constraint agent_tools_input_schema_check on public.agent_tools is
  'input_schema is an object';
comment on constraint agent_tools_tool_config_check on public.agent_tools is
  'tool_config is an object';
comment on constraint agent_tools_tool_name_check on public.agent_tools is
  'tool_name has 1 to 255 characters';
comment on constraint agent_tools_undo_seconds on public.agent_tools is
  'undo_seconds is 0 to 300';
comment on constraint agent_tools_agent_id_fkey on public.agent_tools is
  'a tool belongs to an agent that exists';
