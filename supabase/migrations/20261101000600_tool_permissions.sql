-- Tool permissions: an agent asks, a supervisor decides within minutes, the agent may run the tool once.

create table public.tool_permissions (
  id uuid primary key default pg_catalog.gen_random_uuid(),
  interaction_id uuid not null,
  agent_id uuid not null references public.agents (id),
  supervisor_id uuid not null,
  tool_name text not null check (pg_catalog.length(tool_name) between 1 and 255),
  tool_description text check (pg_catalog.length(tool_description) <= 4000),
  arguments json not null default '{}' check (pg_catalog.json_typeof(arguments) = 'object'),
  arguments_digest text not null,
  known_tool boolean not null default false,
  requested_at timestamptz not null default pg_catalog.clock_timestamp(),
  expires_at timestamptz not null,
  status text not null default 'pending' check (status in ('pending', 'allowed', 'denied', 'timeout', 'cancelled')),
  supervisor_response text generated always as
    (case when status in ('allowed', 'denied', 'timeout') then status end) stored,
  rule text check (rule in ('not_required', 'grant')),
  responded_at timestamptz,
  responded_by uuid references public.users (id) on delete restrict,
  responded_by_name text,
  reason text check (pg_catalog.length(reason) <= 1000),
  execute_before timestamptz,
  execution_id uuid unique,
  executed_at timestamptz,
  execution_succeeded boolean,
  execution_result jsonb,
  execution_reported_at timestamptz,
  created_at timestamptz not null default pg_catalog.now(),
  constraint tool_permissions_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions (id, supervisor_id) on update cascade on delete cascade,
  constraint tool_permissions_answered check ((status = 'pending') = (responded_at is null)),
  constraint tool_permissions_decided check
    ((status in ('allowed', 'denied') and rule is null) = (responded_by is not null)
     and (responded_by is null) = (responded_by_name is null)),
  constraint tool_permissions_rule check (rule is null or status = 'allowed'),
  constraint tool_permissions_window check ((status = 'allowed') = (execute_before is not null)),
  constraint tool_permissions_executed check ((execution_id is null) = (executed_at is null)
     and (executed_at is null or status = 'allowed')),
  constraint tool_permissions_reported check ((execution_reported_at is null) = (execution_succeeded is null)
     and (execution_reported_at is null or executed_at is not null))
);
comment on table public.tool_permissions is 'An agent''s request to use a tool, the decision, and the one execution it permits.';
comment on column public.tool_permissions.arguments is 'json and not jsonb: people see names and values in the order in which they were sent.';
comment on column public.tool_permissions.arguments_digest is 'sha256 (hex) of the text of arguments; binds the execution to what was allowed.';
comment on column public.tool_permissions.known_tool is 'Whether the tool is among the agent''s; one that is not always asks.';
comment on column public.tool_permissions.rule is 'Allowed by a rule instead of a person: not_required by the tool, or a grant for the rest of the interaction.';
comment on column public.tool_permissions.responded_by_name is 'The decider''s username, or an admin''s name, as it was: peers may not read each other''s rows.';
comment on column public.tool_permissions.execute_before is 'Until when the execution must be claimed.';
create index tool_permissions_interaction on public.tool_permissions (interaction_id, supervisor_id);
create index tool_permissions_agent on public.tool_permissions (agent_id);
create index tool_permissions_responded_by on public.tool_permissions (responded_by);
create index tool_permissions_pending on public.tool_permissions (expires_at) where status = 'pending';
create index tool_permissions_pending_supervisor on public.tool_permissions (supervisor_id, requested_at) where status = 'pending';
create index tool_permissions_recent on public.tool_permissions (supervisor_id, responded_at desc) where status <> 'pending';
create index tool_permissions_requested on public.tool_permissions (requested_at desc);

revoke all on public.tool_permissions from anon, authenticated, service_role;
grant select on public.tool_permissions to authenticated, agent_runtime, service_role;
grant insert (interaction_id, tool_name, tool_description, arguments) on public.tool_permissions to agent_runtime, service_role;
grant update (status, responded_at) on public.tool_permissions to service_role;
alter table public.tool_permissions enable row level security;
create policy tool_permissions_visible on public.tool_permissions for select to authenticated
  using (supervisor_id = any (array(select private.visible_supervisors())));
create policy tool_permissions_of_agent on public.tool_permissions for select to agent_runtime
  using (agent_id = (select private.current_agent()));
create policy tool_permissions_by_agent on public.tool_permissions for insert to agent_runtime
  with check (agent_id = (select private.current_agent()));

create function private.open_tool_permission() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  v_pulse public.interaction_pulse;
  v_tool public.agent_tools;
begin
  -- The lock makes us queue with the end of the interaction, which cancels what is pending.
  select * into v_pulse from public.interaction_pulse where interaction_id = new.interaction_id for key share;
  if v_pulse.interaction_id is null then
    if exists (select from public.interactions where id = new.interaction_id) then
      raise exception 'the interaction has ended' using errcode = 'FW409';
    end if;
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  select * into v_tool from public.agent_tools where agent_id = v_pulse.agent_id and tool_name = new.tool_name;
  new.agent_id := v_pulse.agent_id;
  new.supervisor_id := v_pulse.supervisor_id;
  new.known_tool := v_tool.id is not null;
  new.tool_description := coalesce(new.tool_description, v_tool.description);
  new.arguments_digest := pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(new.arguments::text, 'UTF8')), 'hex');
  new.requested_at := pg_catalog.clock_timestamp();
  new.expires_at := new.requested_at + pg_catalog.make_interval(secs => private.setting('permission_seconds'));
  new.status := 'pending';
  if v_tool.id is not null and not v_tool.requires_permission then
    new.rule := 'not_required';
  elsif exists (select from public.tool_grants g where g.interaction_id = new.interaction_id and g.tool_name = new.tool_name) then
    new.rule := 'grant';
  end if;
  if new.rule is not null then
    new.status := 'allowed';
    new.responded_at := new.requested_at;
    new.execute_before := new.requested_at + pg_catalog.make_interval(secs => private.setting('execute_seconds'));
  end if;
  return new;
end $$;
comment on function private.open_tool_permission() is 'Trigger: fills agent, supervisor and expiry; allows at once what needs no permission or is granted. FW409 on an ended interaction, FW404 on none.';
create trigger tool_permissions_10_open before insert on public.tool_permissions
  for each row execute function private.open_tool_permission();

create function private.guard_tool_permission() returns trigger
language plpgsql set search_path = '' as $$
begin
  if old.status <> 'pending' and new.status is distinct from old.status then
    raise exception 'the tool permission is already %', old.status using errcode = 'FW409';
  elsif old.status <> 'pending' and (new.responded_at, new.responded_by, new.responded_by_name, new.reason)
        is distinct from (old.responded_at, old.responded_by, old.responded_by_name, old.reason) then
    raise exception 'what was decided does not change' using errcode = 'FW409';
  elsif old.status = 'pending' and new.status = 'allowed'
        and old.expires_at <= pg_catalog.clock_timestamp() then
    raise exception 'the tool permission has expired' using errcode = 'FW409';
  elsif old.executed_at is not null and new.execution_id is distinct from old.execution_id then
    raise exception 'the execution is already claimed' using errcode = 'FW409';
  elsif (new.interaction_id, new.tool_name, new.arguments::text, new.arguments_digest, new.requested_at, new.expires_at)
        is distinct from (old.interaction_id, old.tool_name, old.arguments::text, old.arguments_digest, old.requested_at, old.expires_at) then
    raise exception 'a tool permission''s request does not change' using errcode = 'FW409';
  end if;
  if new.status in ('timeout', 'cancelled') and new.responded_at is null then
    new.responded_at := pg_catalog.clock_timestamp();
  end if;
  return new;
end $$;
comment on function private.guard_tool_permission() is 'Trigger: one decision, before expiry, one execution, of what was asked. FW409 otherwise, whoever writes.';
create trigger tool_permissions_11_guard before update on public.tool_permissions
  for each row execute function private.guard_tool_permission();

create trigger tool_permissions_60_ring_insert after insert on public.tool_permissions
  referencing new table as inserted for each statement execute function private.ring();
create trigger tool_permissions_61_ring_update after update on public.tool_permissions
  referencing old table as before new table as after for each statement execute function private.ring();

create function public.decide_tool_permission(p_id uuid, p_status text, p_reason text default null)
returns setof public.tool_permissions
language plpgsql security definer set search_path = '' as $$
begin
  if p_status is null or p_status not in ('allowed', 'denied') then
    raise exception 'a decision is allowed or denied' using errcode = 'FW422';
  end if;
  perform from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors()));
  if not found then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  return query
  update public.tool_permissions t set status = p_status,
    responded_at = pg_catalog.clock_timestamp(), responded_by = u.id,
    responded_by_name = coalesce(u.username, u.name),
    reason = nullif(pg_catalog.btrim(p_reason), ''),
    execute_before = case when p_status = 'allowed' then pg_catalog.clock_timestamp()
      + pg_catalog.make_interval(secs => private.setting('execute_seconds')) end
  from public.users u
  where t.id = p_id and u.id = auth.uid() and t.status = 'pending'
    and t.expires_at > pg_catalog.clock_timestamp()
    and t.supervisor_id = any (array(select private.visible_supervisors()))
  returning t.*;
end $$;
comment on function public.decide_tool_permission(uuid, text, text) is
  'The viewer''s decision (allowed or denied): the row, or none when it was decided before or has expired. FW404 when it is not theirs.';
grant execute on function public.decide_tool_permission(uuid, text, text) to authenticated;

create function public.claim_execution(p_id uuid, p_arguments_digest text) returns uuid
language plpgsql security definer set search_path = '' as $$
declare
  v_row public.tool_permissions;
begin
  select * into v_row from public.tool_permissions
  where id = p_id and agent_id = private.current_agent() for no key update;
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif v_row.status <> 'allowed' then
    raise exception 'the tool permission is %, do not run the tool', v_row.status using errcode = 'FW409';
  elsif v_row.executed_at is not null then
    raise exception 'the execution is already claimed, do not run the tool again' using errcode = 'FW409';
  elsif v_row.execute_before <= pg_catalog.clock_timestamp() then
    raise exception 'the permission was to be used until %, do not run the tool', v_row.execute_before using errcode = 'FW409';
  elsif v_row.arguments_digest is distinct from p_arguments_digest then
    raise exception 'these are not the arguments that were allowed, do not run the tool' using errcode = 'FW409';
  end if;
  perform from public.interaction_pulse where interaction_id = v_row.interaction_id for key share;
  if not found then
    raise exception 'the interaction has ended, do not run the tool' using errcode = 'FW409';
  end if;
  update public.tool_permissions set execution_id = pg_catalog.gen_random_uuid(), executed_at = pg_catalog.clock_timestamp()
  where id = p_id returning * into v_row;
  return v_row.execution_id;
end $$;
comment on function public.claim_execution(uuid, text) is 'The agent is about to run the tool: its execution id, once. FW409 says why not.';

create function public.report_execution(p_id uuid, p_execution_id uuid, p_succeeded boolean, p_result jsonb)
returns setof public.tool_permissions
language plpgsql security definer set search_path = '' as $$
begin
  perform from public.tool_permissions where id = p_id and agent_id = private.current_agent();
  if not found then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  return query
  update public.tool_permissions set execution_succeeded = p_succeeded, execution_result = p_result,
    execution_reported_at = coalesce(execution_reported_at, pg_catalog.clock_timestamp())
  where id = p_id and execution_id = p_execution_id
    and (execution_reported_at is null or execution_succeeded = p_succeeded)
  returning *;
  if not found then
    raise exception 'this execution was not claimed, or was reported otherwise' using errcode = 'FW409';
  end if;
end $$;
comment on function public.report_execution(uuid, uuid, boolean, jsonb) is 'How the claimed execution went; the same report again is accepted. FW409 when it was not claimed.';
grant execute on function public.claim_execution(uuid, text), public.report_execution(uuid, uuid, boolean, jsonb) to agent_runtime;

create function private.expire_tool_permissions() returns integer
language plpgsql security definer set search_path = '' as $$
declare
  v_count integer;
begin
  with due as (
    select id from public.tool_permissions
    where status = 'pending' and expires_at <= pg_catalog.clock_timestamp()
    order by expires_at limit 500 for no key update skip locked
  )
  update public.tool_permissions t set status = 'timeout', responded_at = pg_catalog.clock_timestamp()
  from due where t.id = due.id;
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function private.expire_tool_permissions() is 'Marks at most 500 expired requests as timeout; how many. Safe on every replica.';
grant execute on function private.expire_tool_permissions() to floorwalker_web, service_role;
