-- What is kept so that nobody has to remember: who did what (audit_logs), how an agent was set up at any time
-- (agent_versions), and the filters that people come back to (saved_views). Agents move by an admin's hand only.

create table public.audit_logs (
  id bigint generated always as identity primary key,
  at timestamptz not null default pg_catalog.clock_timestamp(),
  actor_id uuid,
  actor text not null,
  action text not null,
  row_id text not null,
  supervisor_id uuid,
  changes jsonb not null
);
comment on table public.audit_logs is 'Append-only: who did what to which row, and when. Written by triggers, whoever writes; UPDATE, DELETE and TRUNCATE are refused.';
comment on column public.audit_logs.actor_id is 'The person; null for an agent, the service key and the database''s owner.';
comment on column public.audit_logs.actor is 'The username, an admin''s name or the role, as it was then.';
comment on column public.audit_logs.action is '<table>.<insert|update|delete>';
comment on column public.audit_logs.supervisor_id is 'Whose floor it was about; null when it is nobody''s in particular.';
comment on column public.audit_logs.changes is '{column: [before, after]}; never a secret, a prompt, or what a customer said.';
create index audit_logs_supervisor on public.audit_logs (supervisor_id, id desc);
create index audit_logs_row on public.audit_logs (row_id, id desc);

create table public.agent_versions (
  id bigint generated always as identity primary key,
  agent_id uuid not null references public.agents (id) on delete cascade,
  version integer not null check (version > 0),
  name text not null,
  system_prompt text not null,
  mcp_tools jsonb,
  created_at timestamptz not null default pg_catalog.now(),
  created_by uuid references public.users (id) on delete restrict,
  constraint agent_versions_once unique (agent_id, version)
);
comment on table public.agent_versions is 'Every name, prompt and set of tools an agent had, kept by trigger; one version a transaction.';
comment on column public.agent_versions.created_by is 'The person who changed it; null for the service key and the database''s owner.';
create index agent_versions_created_by on public.agent_versions (created_by);

create table public.saved_views (
  id uuid primary key default pg_catalog.gen_random_uuid(),
  user_id uuid not null default private.viewer_id() references public.users (id) on delete cascade,
  page text not null check (page ~ '^[a-z-]{1,50}$'),
  name text not null check (pg_catalog.length(name) between 1 and 100),
  filters jsonb not null check (pg_catalog.jsonb_typeof(filters) = 'object' and pg_catalog.octet_length(filters::text) <= 4000),
  created_at timestamptz not null default pg_catalog.now(),
  constraint saved_views_once unique (user_id, page, name)
);
comment on table public.saved_views is 'Filters of a list under a name; a person''s own.';

revoke all on public.audit_logs, public.agent_versions, public.saved_views from anon, authenticated, service_role;
revoke all on sequence public.audit_logs_id_seq, public.agent_versions_id_seq from anon, authenticated, service_role;
grant select on public.audit_logs, public.agent_versions to authenticated, service_role;
grant select, delete on public.saved_views to authenticated;
grant insert (page, name, filters), update (name, filters) on public.saved_views to authenticated;
alter table public.audit_logs enable row level security;
alter table public.agent_versions enable row level security;
alter table public.saved_views enable row level security;
create policy audit_logs_visible on public.audit_logs for select to authenticated
  using ((select private.viewer_role()) = 'admin' or supervisor_id = any (array(select private.visible_supervisors())));
create policy agent_versions_visible on public.agent_versions for select to authenticated
  using (agent_id in (select a.id from public.agents a));
create policy saved_views_own on public.saved_views for all to authenticated
  using (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null)
  with check (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null);

create function private.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'what is recorded stays as it is' using errcode = 'FW403';
end $$;
comment on function private.refuse_change() is 'Trigger: FW403, whoever tries.';
create trigger audit_logs_10_refuse before update or delete or truncate on public.audit_logs
  for each statement execute function private.refuse_change();
create trigger agent_versions_10_refuse before truncate on public.agent_versions
  for each statement execute function private.refuse_change();

-- The arguments name the columns that are written down; what the row is about is its id, or what stands for one.
create function private.audit() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_before jsonb := case when tg_op <> 'INSERT' then pg_catalog.to_jsonb(old) end;
  v_after jsonb := case when tg_op <> 'DELETE' then pg_catalog.to_jsonb(new) end;
  v_row jsonb := coalesce(v_after, v_before);
  v_changes jsonb;
  v_person public.users;
begin
  select pg_catalog.jsonb_object_agg(c, pg_catalog.jsonb_build_array(v_before -> c, v_after -> c)) into v_changes
  from pg_catalog.unnest(tg_argv) c
  where v_before -> c is distinct from v_after -> c and (v_before is not null or v_after -> c <> 'null');
  if v_changes is null then
    return null;
  end if;
  select * into v_person from public.users where id = private.viewer_id();
  insert into public.audit_logs (actor_id, actor, action, row_id, supervisor_id, changes)
  values (v_person.id,
    coalesce(v_person.username, v_person.name, 'agent ' || private.current_agent(),
      nullif(pg_catalog.current_setting('role', true), 'none'), session_user),
    tg_table_name || '.' || pg_catalog.lower(tg_op), coalesce(v_row ->> 'id', v_row ->> 'name'),
    coalesce(v_row ->> 'supervisor_id', case tg_table_name when 'users' then v_row ->> 'id' end,
      (select a.supervisor_id::text from public.agents a where a.id = (v_row ->> 'agent_id')::uuid))::uuid,
    v_changes);
  return null;
end $$;
comment on function private.audit() is 'Trigger with the columns that count: writes what changed of them into audit_logs.';
create trigger users_70_audit after insert or update on public.users for each row
  execute function private.audit('email', 'role', 'name', 'username', 'supervisor_type', 'deactivated_at', 'banned_until');
create trigger agents_70_audit after insert or update or delete on public.agents for each row
  execute function private.audit('supervisor_id', 'name', 'agent_type', 'paused_at', 'retired_at');
create trigger agent_tools_70_audit after insert or update or delete on public.agent_tools for each row
  execute function private.audit('tool_name', 'requires_permission');
create trigger agent_keys_70_audit after insert or update or delete on public.agent_keys for each row
  execute function private.audit('hint', 'revoked_at');
create trigger tool_permissions_70_audit after update of status on public.tool_permissions for each row
  when (new.responded_by is not null and old.status is distinct from new.status)
  execute function private.audit('status', 'responded_by_name');
create trigger tool_grants_70_audit after insert or delete on public.tool_grants for each row
  execute function private.audit('tool_name', 'granted_by_name');
create trigger settings_70_audit after update on private.settings for each row
  execute function private.audit('value');

create function private.keep_version() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_last public.agent_versions;
begin
  select * into v_last from public.agent_versions where agent_id = new.id order by version desc limit 1;
  if v_last.created_at = pg_catalog.now() then  -- tools are written one by one, and are one change
    update public.agent_versions set name = new.name, system_prompt = new.system_prompt, mcp_tools = new.mcp_tools where id = v_last.id;
  else
    insert into public.agent_versions (agent_id, version, name, system_prompt, mcp_tools, created_by)
    values (new.id, coalesce(v_last.version, 0) + 1, new.name, new.system_prompt, new.mcp_tools,
      (select u.id from public.users u where u.id = private.viewer_id()));
  end if;
  return null;
end $$;
comment on function private.keep_version() is 'Trigger: an agent''s new name, prompt or tools become its newest version.';
create trigger agents_50_version_insert after insert on public.agents
  for each row execute function private.keep_version();
create trigger agents_51_version_update after update of name, system_prompt, mcp_tools on public.agents
  for each row when ((old.name, old.system_prompt, old.mcp_tools) is distinct from (new.name, new.system_prompt, new.mcp_tools))
  execute function private.keep_version();
insert into public.agent_versions (agent_id, version, name, system_prompt, mcp_tools, created_at)
select id, 1, name, system_prompt, mcp_tools, updated_at from public.agents;

create function public.move_agent(p_agent_id uuid, p_supervisor_id uuid) returns public.agents
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_agent public.agents;
  v_supervisor public.users;
begin
  if private.viewer_role() is distinct from 'admin' then
    raise exception 'only an admin moves an agent' using errcode = 'FW403';
  end if;
  -- In the order in which an interaction ends: itself, then its agent.
  perform from public.interactions where agent_id = p_agent_id and status = 'active' for update;
  select * into v_agent from public.agents where id = p_agent_id for update;
  select * into v_supervisor from public.users where id = p_supervisor_id and role = 'supervisor' and deactivated_at is null;
  if v_agent.id is null then
    raise exception 'there is no such agent' using errcode = 'FW404';
  elsif v_supervisor.id is null then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  elsif v_agent.retired_at is not null then
    raise exception 'the agent is retired' using errcode = 'FW409';
  elsif v_agent.agent_type <> v_supervisor.supervisor_type then
    raise exception 'a % agent cannot move to a % supervisor', v_agent.agent_type, v_supervisor.supervisor_type using errcode = 'FW422';
  end if;
  update public.agents set supervisor_id = p_supervisor_id where id = p_agent_id returning * into v_agent;
  return v_agent;
end $$;
comment on function public.move_agent(uuid, uuid) is
  'An admin gives an agent, with all its interactions, to another supervisor of its type. FW403, FW404, FW409 when it is retired or they have three, FW422 for another type.';
grant execute on function public.move_agent(uuid, uuid) to authenticated;
