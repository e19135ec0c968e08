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
  mode text not null,
  idempotent boolean not null default false,
  sealed_secret bytea,
  secret_set_at timestamptz,
  limit_argument text,
  asks_above numeric,
  refuses_above numeric,
  uses_per_interaction integer,
  constraint agent_tools_pkey primary key (id),
  constraint agent_tools_name unique (agent_id, tool_name),
  constraint agent_tools_description_check check (length(description) <= 4000),
  constraint agent_tools_input_schema_check check (jsonb_typeof(input_schema) = 'object'),
  constraint agent_tools_limit_argument_check check (length(limit_argument) >= 1 and length(limit_argument) <= 255),
  constraint agent_tools_limits check ((asks_above is null and refuses_above is null) = (limit_argument is null)
    and (asks_above is null or asks_above >= 0::numeric and asks_above < 1e15)
    and (refuses_above is null or refuses_above >= coalesce(asks_above, 0::numeric) and refuses_above < 1e15)),
  constraint agent_tools_mode_check check (mode in ('runs', 'shown', 'asks', 'refused')),
  constraint agent_tools_mode_agrees check (requires_permission = (mode in ('asks', 'refused'))),
  constraint agent_tools_secret check ((sealed_secret is null) = (secret_set_at is null)
    and octet_length(sealed_secret) <= 20000),
  constraint agent_tools_tool_config_check check (jsonb_typeof(tool_config) = 'object'),
  constraint agent_tools_tool_name_check check (length(tool_name) >= 1 and length(tool_name) <= 255),
  constraint agent_tools_undo_seconds check (undo_seconds >= 0 and undo_seconds <= 300),
  constraint agent_tools_uses_check check (uses_per_interaction >= 1 and uses_per_interaction <= 1000),
  constraint agent_tools_agent_id_fkey foreign key (agent_id) references public.agents(id) on delete cascade
);

comment on table public.agent_tools is
  'The tools of an agent, and which of them need a supervisor''s permission. agents.mcp_tools is derived from it and kept equal.';
comment on column public.agent_tools.undo_seconds is
  'Seconds during which an allow of this tool can be taken back by the person who gave it, and has no effect yet. 0: it has effect at once.';
comment on column public.agent_tools.mode is
  'runs: at once. shown: at once, with a line on the floor. asks: a person decides. refused: never. requires_permission is true for the last two.';
comment on column public.agent_tools.idempotent is
  'Whether a second run with the same arguments has no further effect.';
comment on column public.agent_tools.sealed_secret is
  'The secret for the endpoint, encrypted with SECRET_KEY. No person and no agent reads it.';
comment on column public.agent_tools.limit_argument is
  'The argument that asks_above and refuses_above compare. A request in which it is not a plain number asks a person.';
comment on column public.agent_tools.asks_above is
  'Up to this value the tool runs without a person; above it, it asks.';
comment on column public.agent_tools.refuses_above is
  'Above this value the tool is refused.';
comment on column public.agent_tools.uses_per_interaction is
  'A further request in the same interaction is refused; pending and allowed ones count.';
comment on constraint agent_tools_pkey on public.agent_tools is
  'this id is taken';
comment on constraint agent_tools_name on public.agent_tools is
  'the agent has a tool of this name already';
comment on constraint agent_tools_description_check on public.agent_tools is
  'description has at most 4000 characters';
comment on constraint agent_tools_input_schema_check on public.agent_tools is
  'input_schema is an object';
comment on constraint agent_tools_limit_argument_check on public.agent_tools is
  'limit_argument has 1 to 255 characters';
comment on constraint agent_tools_limits on public.agent_tools is
  'asks_above and refuses_above are amounts of limit_argument, from 0; refuses_above is not below asks_above';
comment on constraint agent_tools_mode_check on public.agent_tools is
  'mode is runs, shown, asks or refused';
comment on constraint agent_tools_mode_agrees on public.agent_tools is
  'requires_permission is true for the modes asks and refused, and only for them';
comment on constraint agent_tools_secret on public.agent_tools is
  'a secret has the time at which it was set, and at most 20000 bytes';
comment on constraint agent_tools_uses_check on public.agent_tools is
  'uses_per_interaction is 1 to 1000';
comment on constraint agent_tools_tool_config_check on public.agent_tools is
  'tool_config is an object';
comment on constraint agent_tools_tool_name_check on public.agent_tools is
  'tool_name has 1 to 255 characters';
comment on constraint agent_tools_undo_seconds on public.agent_tools is
  'undo_seconds is 0 to 300';
comment on constraint agent_tools_agent_id_fkey on public.agent_tools is
  'a tool belongs to an agent that exists';
