-- Agents (the AI), their tools and their keys. Three slots a supervisor, kept by a unique index.

create table public.agents (
  id uuid primary key default pg_catalog.gen_random_uuid(),
  supervisor_id uuid not null,
  name text not null check (pg_catalog.length(name) between 1 and 255),
  agent_type text not null check (agent_type in ('voice', 'chat')),
  system_prompt text not null check (pg_catalog.length(system_prompt) <= 100000),
  mcp_tools jsonb,
  status text not null default 'idle' check (status in ('idle', 'in_call', 'in_chat', 'paused')),
  slot smallint not null check (slot between 1 and 3),
  paused_at timestamptz,
  retired_at timestamptz,
  created_at timestamptz not null default pg_catalog.now(),
  updated_at timestamptz not null default pg_catalog.now(),
  -- Makes the owner a supervisor and the agent's type the supervisor's: an admin's type is null and never matches.
  constraint agents_supervisor foreign key (supervisor_id, agent_type)
    references public.users (id, supervisor_type) on delete restrict,
  constraint agents_owner_and_type unique (id, supervisor_id, agent_type),
  constraint agents_mcp_tools_shape check (
    mcp_tools is null or (pg_catalog.jsonb_typeof(mcp_tools) = 'object'
      and pg_catalog.jsonb_typeof(coalesce(mcp_tools -> 'tools', '[]')) = 'array')
  )
);
comment on table public.agents is 'AI agents. At most three of a supervisor that are not retired.';
comment on column public.agents.status is 'Derived: in_call or in_chat while an interaction is active, else paused when paused_at is set, else idle.';
comment on column public.agents.mcp_tools is 'The agent_tools rows in the shape {"tools": [{name, description, requires_permission, config}]}, kept equal both ways.';
comment on column public.agents.slot is 'Place 1 to 3 among the supervisor''s agents; free again when the agent is retired.';
create unique index agents_slot on public.agents (supervisor_id, slot) where retired_at is null;
create index agents_supervisor_type on public.agents (supervisor_id, agent_type);
create index agents_status on public.agents (status);

create table public.agent_tools (
  id uuid primary key default pg_catalog.gen_random_uuid(),
  agent_id uuid not null references public.agents (id) on delete cascade,
  tool_name text not null check (pg_catalog.length(tool_name) between 1 and 255),
  description text check (pg_catalog.length(description) <= 4000),
  input_schema jsonb check (pg_catalog.jsonb_typeof(input_schema) = 'object'),
  tool_config jsonb check (pg_catalog.jsonb_typeof(tool_config) = 'object'),
  requires_permission boolean not null default false,
  created_at timestamptz not null default pg_catalog.now(),
  constraint agent_tools_name unique (agent_id, tool_name)
);
comment on table public.agent_tools is 'What an agent can do, and which of it needs a supervisor''s permission. The truth behind agents.mcp_tools.';

create table public.agent_keys (
  id uuid primary key default pg_catalog.gen_random_uuid(),
  agent_id uuid not null references public.agents (id) on delete cascade,
  key_hash bytea not null unique check (pg_catalog.octet_length(key_hash) = 32),
  hint text not null check (pg_catalog.length(hint) <= 12),
  created_at timestamptz not null default pg_catalog.now(),
  revoked_at timestamptz
);
comment on table public.agent_keys is 'Keys of the agent API: sha256 of the key; the key itself is shown once and kept nowhere.';
create index agent_keys_agent on public.agent_keys (agent_id);

-- Who is asking, for agents: the key decides, and a revoked key or a retired agent is nobody.
create function private.current_agent() returns uuid
language sql stable security definer set search_path = '' as $$
  select k.agent_id from public.agent_keys k join public.agents a on a.id = k.agent_id
  where k.id = private.claim('key_id')::uuid and k.revoked_at is null and a.retired_at is null
$$;
comment on function private.current_agent() is 'The agent whose key is in the claims (key_id); null when revoked or retired.';
grant execute on function private.current_agent() to agent_runtime;

create function private.agent_of_key(p_hash bytea)
returns table (key_id uuid, agent_id uuid)
language sql stable security definer set search_path = '' as $$
  select k.id, k.agent_id from public.agent_keys k join public.agents a on a.id = k.agent_id
  where k.key_hash = p_hash and k.revoked_at is null and a.retired_at is null
$$;
comment on function private.agent_of_key(bytea) is 'The key and agent for a sha256 of a bearer key; no row when unknown, revoked or retired.';
grant execute on function private.agent_of_key(bytea) to floorwalker_web;

create function private.ring_agent_key() returns trigger
language plpgsql set search_path = '' as $$
begin
  perform pg_catalog.pg_notify('floor', 'agent_keys:' || new.agent_id);
  return null;
end $$;
comment on function private.ring_agent_key() is 'Trigger: a key was revoked; whoever remembers it forgets it.';
create trigger agent_keys_60_ring after update of revoked_at on public.agent_keys
  for each row execute function private.ring_agent_key();

revoke all on public.agents, public.agent_tools, public.agent_keys from anon, authenticated, service_role;
grant select on public.agents, public.agent_tools to authenticated, agent_runtime;
grant select (id, agent_id, hint, created_at, revoked_at) on public.agent_keys to authenticated;
grant select, insert, update, delete on public.agents, public.agent_tools to service_role;
grant select, insert, update on public.agent_keys to service_role;

alter table public.agents enable row level security;
alter table public.agent_tools enable row level security;
alter table public.agent_keys enable row level security;
create policy agents_visible on public.agents for select to authenticated
  using (supervisor_id = any (array(select private.visible_supervisors())));
create policy agents_itself on public.agents for select to agent_runtime
  using (id = (select private.current_agent()));
create policy agent_tools_visible on public.agent_tools for select to authenticated
  using (agent_id in (select a.id from public.agents a));
create policy agent_tools_itself on public.agent_tools for select to agent_runtime
  using (agent_id = (select private.current_agent()));
create policy agent_keys_visible on public.agent_keys for select to authenticated
  using (agent_id in (select a.id from public.agents a));

create function private.take_slot() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'UPDATE' and new.supervisor_id = old.supervisor_id
     and (new.retired_at is not null or old.retired_at is null) then
    return new;
  end if;
  -- Queue behind whoever else is adding an agent to this supervisor.
  perform from public.users where id = new.supervisor_id for no key update;
  select s into new.slot from pg_catalog.generate_series(1, 3) s
  where not exists (select from public.agents a
    where a.supervisor_id = new.supervisor_id and a.slot = s and a.retired_at is null and a.id <> new.id)
  order by s limit 1;
  if new.slot is null then
    raise exception 'a supervisor has at most three agents' using errcode = 'FW409';
  end if;
  return new;
end $$;
comment on function private.take_slot() is 'Trigger: gives an agent the lowest free slot of its supervisor; FW409 when all three are taken.';
create trigger agents_10_slot before insert or update of supervisor_id, retired_at, slot on public.agents
  for each row execute function private.take_slot();

create trigger agents_30_touch before update on public.agents
  for each row execute function private.touch();
create trigger agents_60_ring_insert after insert on public.agents
  referencing new table as inserted for each statement execute function private.ring();
create trigger agents_61_ring_update after update on public.agents
  referencing old table as before new table as after for each statement execute function private.ring();
create trigger agents_62_ring_delete after delete on public.agents
  referencing old table as before for each statement execute function private.ring();

-- mcp_tools and agent_tools are two faces of one thing. The guard on trigger depth keeps each direction
-- from answering the other.
create function private.spread_mcp_tools() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if pg_catalog.pg_trigger_depth() > 1 then
    return null;
  end if;
  delete from public.agent_tools where agent_id = new.id
    and tool_name not in (select t ->> 'name' from pg_catalog.jsonb_array_elements(coalesce(new.mcp_tools -> 'tools', '[]')) t);
  insert into public.agent_tools (agent_id, tool_name, description, tool_config, input_schema, requires_permission)
  select distinct on (t ->> 'name') new.id, t ->> 'name', t ->> 'description', t -> 'config', t -> 'input_schema',
         coalesce((t ->> 'requires_permission')::boolean, false)
  from pg_catalog.jsonb_array_elements(coalesce(new.mcp_tools -> 'tools', '[]')) t
  on conflict (agent_id, tool_name) do update set description = excluded.description,
    tool_config = excluded.tool_config, input_schema = excluded.input_schema,
    requires_permission = excluded.requires_permission;
  return null;
end $$;
comment on function private.spread_mcp_tools() is 'Trigger: writes agents.mcp_tools into agent_tools.';
create trigger agents_40_mcp_tools_insert after insert on public.agents
  for each row when (new.mcp_tools is not null) execute function private.spread_mcp_tools();
create trigger agents_41_mcp_tools_update after update of mcp_tools on public.agents
  for each row when (old.mcp_tools is distinct from new.mcp_tools) execute function private.spread_mcp_tools();

create function private.gather_mcp_tools() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  v_agent uuid := case when tg_op = 'DELETE' then old.agent_id else new.agent_id end;
begin
  update public.agents a set mcp_tools = t.tools
  from (select pg_catalog.jsonb_build_object('tools', coalesce(pg_catalog.jsonb_agg(
          pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('name', g.tool_name, 'description', g.description,
            'requires_permission', g.requires_permission, 'config', g.tool_config, 'input_schema', g.input_schema))
          order by g.tool_name collate "C"), '[]')) as tools
        from public.agent_tools g where g.agent_id = v_agent) t
  where a.id = v_agent and a.mcp_tools is distinct from t.tools;
  return null;
end $$;
comment on function private.gather_mcp_tools() is 'Trigger: writes agent_tools into agents.mcp_tools.';
create trigger agent_tools_40_mcp_tools after insert or update or delete on public.agent_tools
  for each row execute function private.gather_mcp_tools();
