-- What was found by attacking the pages of agents: a tool that becomes refused refuses what is open; tests are not counted again; secrets stay with their endpoint.

drop trigger agent_tools_70_audit on public.agent_tools;


create or replace function private.decide_now(p_id uuid, p_status text, p_reason text, p_arguments_digest text, p_hold boolean) returns setof public.tool_permissions
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
  v_undo integer := 0;
  v_reason text := nullif(pg_catalog.btrim(p_reason), '');
begin
  if p_status is null or p_status not in ('allowed', 'denied') then
    raise exception 'a decision is allowed or denied' using errcode = 'FW422';
  elsif pg_catalog.length(p_reason) > 1000 then
    raise exception 'a reason has at most 1000 characters' using errcode = 'FW422';
  elsif p_arguments_digest is null then
    raise exception 'a decision carries the arguments_digest of the request that it is made for' using errcode = 'FW422';
  end if;
  perform from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors()));
  if not found then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  -- A grant refers to the interaction and changes its pulse. Both are locked before the permission, as in every function.
  perform from public.interactions
  where id = (select interaction_id from public.tool_permissions where id = p_id) for key share;
  if not p_hold then
    perform from public.interaction_pulse
    where interaction_id = (select interaction_id from public.tool_permissions where id = p_id) for no key update;
  end if;
  select * into v_row from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors())) for no key update;
  if v_row.id is null or v_row.status <> 'pending' or v_row.held_until is not null
     or v_row.arguments_digest <> p_arguments_digest then
    return;
  end if;
  if p_status = 'allowed' and exists (select from public.agent_tools g
      where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name) and private.tool_refuses(g, v_row.arguments)) then
    raise exception 'the tool is refused now, so nobody can allow it' using errcode = 'FW409';
  end if;
  if p_hold and p_status = 'allowed' then
    v_undo := coalesce((select g.undo_seconds from public.agent_tools g
      where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name)), 0);
  end if;
  begin
    if v_undo > 0 then
      return query
      update public.tool_permissions t set held_decision = p_status, held_by = u.id, held_by_name = coalesce(u.username, u.name),
        held_reason = v_reason, held_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => v_undo)
      from public.users u where t.id = p_id and u.id = private.viewer_id()
      returning t.*;
    else
      return query
      update public.tool_permissions t set status = p_status, responded_at = m.moment, responded_by = u.id,
        responded_by_name = coalesce(u.username, u.name), reason = v_reason,
        execute_before = case when p_status = 'allowed' then m.moment
          + pg_catalog.make_interval(secs => private.setting('execute_seconds')) end
      from public.users u, (select pg_catalog.clock_timestamp() as moment) m
      where t.id = p_id and u.id = private.viewer_id()
      returning t.*;
    end if;
  exception when sqlstate 'FW409' then  -- the guard: it has expired
    return;
  end;
end $$;
comment on function private.decide_now(uuid, text, text, text, boolean) is
  'Decides as decide_tool_permission says; p_hold: an allow of a tool with undo_seconds is held.';

create or replace function private.guard_tool_permission() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();  -- the row is locked when a trigger before update runs
  v_held constant boolean := old.held_until is not null;
begin
  if new.arguments::text = '{}' and (new.reason, new.execution_result, new.tool_description) is not distinct from (null::text, null::jsonb, null::text)
     and exists (select from public.interactions where id = new.interaction_id and anonymised_at is not null) then
    -- Forgotten: the words are removed, and nothing else changes.
    new.arguments := old.arguments;
    new.reason := old.reason;
    new.execution_result := old.execution_result;
    new.tool_description := old.tool_description;
    if pg_catalog.to_jsonb(new) - 'supervisor_response' <> pg_catalog.to_jsonb(old) - 'supervisor_response' then  -- generated later
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
    new.arguments := '{}';
    new.reason := null;
    new.execution_result := null;
    new.tool_description := null;
    return new;
  end if;

  if (new.interaction_id, new.tool_name, new.arguments::text, new.arguments_digest, new.requested_at, new.expires_at)
     is distinct from (old.interaction_id, old.tool_name, old.arguments::text, old.arguments_digest, old.requested_at, old.expires_at) then
    raise exception 'a tool permission''s request does not change' using errcode = 'FW409';
  end if;

  if old.status <> 'pending' then
    if new.status is distinct from old.status then
      raise exception 'the tool permission is already %', old.status using errcode = 'FW409';
    elsif (new.responded_at, new.responded_by, new.responded_by_name, new.reason, new.execute_before)
          is distinct from (old.responded_at, old.responded_by, old.responded_by_name, old.reason, old.execute_before) then
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
  elsif new.status = 'pending' and not v_held and new.held_until is not null then  -- an allow is held
    if old.expires_at <= v_now then
      raise exception 'the tool permission has expired' using errcode = 'FW409';
    elsif new.held_until <= v_now then
      raise exception 'held_until must be in the future' using errcode = 'FW409';
    end if;
    -- Its time stands still meanwhile, so that no reader takes it for expired.
    new.expires_at := old.expires_at + (new.held_until - v_now);
    new.times_held := old.times_held + 1;
  elsif new.status = 'pending' and v_held and new.held_until is null then  -- and taken back
    if old.held_until <= v_now then
      raise exception 'it was allowed, and can no longer be taken back' using errcode = 'FW409';
    end if;
    new.expires_at := old.expires_at - (old.held_until - v_now);
  elsif new.status = 'pending' then
    if (new.held_decision, new.held_by, new.held_by_name, new.held_reason, new.held_until, new.times_held)
       is distinct from (old.held_decision, old.held_by, old.held_by_name, old.held_reason, old.held_until, old.times_held) then
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
  else  -- decided, expired or cancelled
    if v_held and new.status <> 'cancelled' and new.rule is distinct from 'refused' and (new.status <> 'allowed' or new.responded_by is distinct from old.held_by) then
      raise exception 'the tool permission was allowed by %, who can still take it back', old.held_by_name using errcode = 'FW409';
    elsif v_held and new.status = 'allowed' then
      if old.held_until > v_now then
        raise exception 'the allow can still be taken back' using errcode = 'FW409';
      end if;
      new.expires_at := old.expires_at + (v_now - old.held_until);
    elsif new.status in ('allowed', 'denied') and old.expires_at <= v_now then
      raise exception 'the tool permission has expired' using errcode = 'FW409';
    elsif new.status = 'timeout' and old.expires_at > v_now then
      raise exception 'the tool permission has not expired yet' using errcode = 'FW409';
    end if;
    -- The window to execute begins now, however long it is.
    new.execute_before := v_now + (new.execute_before - new.responded_at);
    new.responded_at := v_now;
    new.held_decision := null;
    new.held_by := null;
    new.held_by_name := null;
    new.held_reason := null;
    new.held_until := null;
  end if;

  if old.executed_at is null then
    if new.executed_at is not null then
      if old.execute_before <= v_now then
        raise exception 'the time to run the tool ended at %: do not run it', old.execute_before using errcode = 'FW409';
      end if;
      new.executed_at := v_now;
    end if;
  elsif (new.execution_id, new.executed_at) is distinct from (old.execution_id, old.executed_at) then
    raise exception 'the execution is already claimed' using errcode = 'FW409';
  end if;
  if old.execution_reported_at is null and new.execution_reported_at is not null then
    new.execution_reported_at := v_now;
  end if;
  return new;
end $$;
comment on function private.guard_tool_permission() is
  'Trigger: one decision before expiry and one execution within its window, each judged and stored at one moment, of what was asked; an allow that is held changes only by its giver, its time or the end; words go when the interaction is forgotten. FW409 otherwise, for every role.';

create or replace function private.keep_version() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent uuid := case when tg_table_name = 'agents' then pg_catalog.to_jsonb(new) ->> 'id'
    when tg_op = 'DELETE' then pg_catalog.to_jsonb(old) ->> 'agent_id' else pg_catalog.to_jsonb(new) ->> 'agent_id' end;
  v_whole jsonb;
  v_tools jsonb;
  v_last public.agent_versions;
  v_person public.users;
begin
  -- Of two changes at once, the second waits, and its version has both.
  perform from public.agents where id = v_agent for no key update;
  v_whole := private.agent_whole(v_agent);
  v_tools := (select a.mcp_tools from public.agents a where a.id = v_agent);
  select * into v_last from public.agent_versions where agent_id = v_agent order by version desc limit 1;
  if v_whole is null or v_whole = v_last.whole and v_tools is not distinct from v_last.mcp_tools then
    return null;
  elsif v_last.created_at = pg_catalog.now() then  -- tools are written one by one, and are one change
    update public.agent_versions set name = v_whole ->> 'name', system_prompt = v_whole ->> 'system_prompt', mcp_tools = v_tools,
      whole = v_whole where id = v_last.id;
    return null;
  end if;
  select * into v_person from public.users where id = private.viewer_id();
  insert into public.agent_versions (agent_id, version, name, system_prompt, mcp_tools, whole, created_by, actor, note)
  values (v_agent, coalesce(v_last.version, 0) + 1, v_whole ->> 'name', v_whole ->> 'system_prompt', v_tools, v_whole, v_person.id,
    coalesce(v_person.username, v_person.name, nullif(pg_catalog.current_setting('role', true), 'none'), session_user),
    pg_catalog.left(nullif(pg_catalog.current_setting('floorwalker.note', true), ''), 200));
  return null;
end $$;
comment on function private.keep_version() is
  'Trigger of an agent, its tools and its configuration: what changed becomes the agent''s newest version, with the note of the setting floorwalker.note.';

create or replace function private.recount_performance() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count bigint;
begin
  lock table private.performance_changes in share row exclusive mode;
  delete from private.performance_changes;
  delete from private.performance_sums;
  insert into private.performance_changes (agent_id, supervisor_id, started_at, completed, handle_seconds, rated,
    csat_hundredths, resolutions, resolution_seconds, fcr_known, fcr_true)
  select i.agent_id, i.supervisor_id, i.started_at, 1, i.duration_seconds, (r.csat_score is not null)::integer,
    coalesce(r.csat_score * 100, 0), (r.resolution_time_seconds is not null)::integer, coalesce(r.resolution_time_seconds, 0),
    (r.fcr_status is not null)::integer, coalesce(r.fcr_status, false)::integer
  from public.interactions i left join public.interaction_archives r on r.interaction_id = i.id
  where i.status = 'completed' and not i.is_test;
  get diagnostics v_count = row_count;
  perform private.fold_performance(null);
  return v_count;
end $$;
comment on function private.recount_performance() is
  'Makes all sums anew from the interactions and archives; tests aside; how many interactions.';

create or replace function private.refuse_open_requests() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update public.tool_permissions t set status = 'denied', rule = 'refused', responded_at = pg_catalog.clock_timestamp(),
    reason = 'The tool was refused while the request was open.'
  where t.agent_id = new.agent_id and t.tool_name = new.tool_name and t.status = 'pending' and private.tool_refuses(new, t.arguments);
  return null;
end $$;
comment on function private.refuse_open_requests() is
  'Trigger: a tool became refused, by its mode or a lower limit; its open requests are denied, also those whose allow is held.';

create or replace function private.replace_tools(p_agent_id uuid, p_tools jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.agent_tools where agent_id = p_agent_id
    and tool_name not in (select t ->> 'tool_name' from pg_catalog.jsonb_array_elements(p_tools) t);
  insert into public.agent_tools as g (agent_id, tool_name, description, input_schema, tool_config, mode, requires_permission,
    undo_seconds, idempotent, limit_argument, asks_above, refuses_above, uses_per_interaction)
  select p_agent_id, r.tool_name, r.description, nullif(r.input_schema, 'null'), nullif(r.tool_config, 'null'), r.mode,
    r.mode in ('asks', 'refused'), r.undo_seconds, r.idempotent, r.limit_argument, r.asks_above, r.refuses_above, r.uses_per_interaction
  from pg_catalog.jsonb_populate_recordset(null::public.agent_tools, p_tools) r
  on conflict (agent_id, tool_name) do update set description = excluded.description, input_schema = excluded.input_schema,
    tool_config = excluded.tool_config, mode = excluded.mode, requires_permission = excluded.requires_permission,
    undo_seconds = excluded.undo_seconds, idempotent = excluded.idempotent, limit_argument = excluded.limit_argument,
    asks_above = excluded.asks_above, refuses_above = excluded.refuses_above, uses_per_interaction = excluded.uses_per_interaction,
    sealed_secret = case when g.tool_config ->> 'endpoint' is not distinct from excluded.tool_config ->> 'endpoint' then g.sealed_secret end,
    secret_set_at = case when g.tool_config ->> 'endpoint' is not distinct from excluded.tool_config ->> 'endpoint' then g.secret_set_at end
  where (g.description, g.input_schema, g.tool_config, g.mode, g.undo_seconds, g.idempotent, g.limit_argument, g.asks_above,
      g.refuses_above, g.uses_per_interaction)
    is distinct from (excluded.description, excluded.input_schema, excluded.tool_config, excluded.mode, excluded.undo_seconds,
      excluded.idempotent, excluded.limit_argument, excluded.asks_above, excluded.refuses_above, excluded.uses_per_interaction);
end $$;
comment on function private.replace_tools(uuid, jsonb) is
  'Makes these the tools of an agent, in the form of a version. Tools that keep their endpoint keep their secret.';

create or replace function private.spread_mcp_tools() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
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
    -- A tool that is there keeps asking, or being refused, where the JSON does not say otherwise.
    requires_permission = case when excluded.tool_name = any (array(
        select t ->> 'name' from pg_catalog.jsonb_array_elements(new.mcp_tools -> 'tools') t where t ->> 'requires_permission' is not null))
      then excluded.requires_permission else agent_tools.requires_permission end;
  return null;
end $$;
comment on function private.spread_mcp_tools() is
  'Trigger: writes agents.mcp_tools into agent_tools.';

create or replace function private.tool_refuses(p_tool public.agent_tools, p_arguments json) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((p_tool).mode = 'refused'
    or private.limited_amount(p_arguments, (p_tool).limit_argument) > (p_tool).refuses_above, false)
$$;
comment on function private.tool_refuses(public.agent_tools, json) is
  'Whether the tool is refused as it is now, by its mode or for this amount.';

create or replace function public.claim_execution(p_id uuid, p_arguments_digest text) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
  v_lives boolean;
begin
  select * into v_row from public.tool_permissions where id = p_id and agent_id = private.current_agent();
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  -- The common lock order: the interaction, its pulse, then the permission.
  perform from public.interactions where id = v_row.interaction_id for key share;
  perform from public.interaction_pulse where interaction_id = v_row.interaction_id for key share;
  v_lives := found;
  if v_row.held_until is not null then
    perform private.settle_held_permissions(p_id);
  end if;
  select * into v_row from public.tool_permissions where id = p_id for no key update;
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif v_row.status <> 'allowed' then
    raise exception 'the tool permission is %, do not run the tool', v_row.status using errcode = 'FW409';
  elsif v_row.executed_at is not null then
    raise exception 'the execution is already claimed, do not run the tool again' using errcode = 'FW409';
  elsif v_row.arguments_digest is distinct from p_arguments_digest then
    raise exception 'these are not the arguments that were allowed, do not run the tool' using errcode = 'FW409';
  elsif exists (select from public.agent_tools g
      where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name) and private.tool_refuses(g, v_row.arguments)) then
    raise exception 'the tool is refused now, do not run the tool' using errcode = 'FW409';
  elsif not v_lives then
    raise exception 'the interaction has ended, do not run the tool' using errcode = 'FW409';
  end if;
  -- Whether it is in time is checked by the trigger, when the row is stored.
  update public.tool_permissions set execution_id = pg_catalog.gen_random_uuid(), executed_at = pg_catalog.clock_timestamp()
  where id = p_id returning * into v_row;
  return v_row.execution_id;
end $$;
comment on function public.claim_execution(uuid, text) is
  'Claims the one execution; returns its id. FW409 says why not.';
grant execute on function public.claim_execution(uuid, text) to agent_runtime;

create or replace function public.clone_agent(p_agent_id uuid, p_values jsonb) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_source public.agents;
  v_id uuid;
begin
  perform private.require_admin();
  select * into v_source from public.agents where id = p_agent_id for share;
  if v_source.id is null then
    raise exception 'there is no such agent' using errcode = 'FW404';
  elsif pg_catalog.jsonb_typeof(p_values) is distinct from 'object' then
    raise exception 'the values of a clone are an object' using errcode = 'FW422';
  elsif v_source.agent_type in ('voice', 'chat')
        and (p_values ->> 'supervisor_id' is null) <> coalesce(p_values ->> 'is_template' = 'true', false) then
    raise exception 'a clone has a supervisor, or is a template' using errcode = 'FW422';
  end if;
  if p_values ->> 'supervisor_id' is not null and not exists (select from public.users
      where id = private.id_argument(p_values, 'supervisor_id') and role = 'supervisor' and deactivated_at is null) then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  end if;
  insert into public.agents (supervisor_id, is_template, name, agent_type, description, system_prompt, first_message, voice_provider,
    voice_id, voice_name, model_provider, model_name, language, interrupt_enabled, silence_threshold_seconds, template_parent_id)
  select private.id_argument(p_values, 'supervisor_id'), coalesce((p_values ->> 'is_template')::boolean, false), r.name, v_source.agent_type,
    r.description, r.system_prompt, r.first_message, r.voice_provider, r.voice_id, r.voice_name, r.model_provider, r.model_name,
    r.language, r.interrupt_enabled, r.silence_threshold_seconds, v_source.id
  from pg_catalog.jsonb_populate_record(v_source, p_values - '{id,agent_type,supervisor_id,is_template}'::text[]) r
  returning id into v_id;
  perform private.replace_tools(v_id, private.agent_whole(p_agent_id) -> 'tools');
  update public.agent_tools t set sealed_secret = s.sealed_secret, secret_set_at = s.secret_set_at
  from public.agent_tools s where s.agent_id = p_agent_id and t.agent_id = v_id and t.tool_name = s.tool_name
    and s.sealed_secret is not null;
  insert into public.agent_config (agent_id, config_key, config_value)
  select v_id, c.config_key, c.config_value from public.agent_config c where c.agent_id = p_agent_id;
  return v_id;
end $$;
comment on function public.clone_agent(uuid, jsonb) is
  'Called by an admin: makes an agent, or a template (is_template), of an agent or a template, with other values where p_values has them, and with its tools, their secrets and its configuration; returns its id. FW403, FW404, FW409 when the supervisor has three, FW422.';
grant execute on function public.clone_agent(uuid, jsonb) to authenticated;

create or replace function public.restore_agent_version(p_agent_id uuid, p_version integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_whole jsonb;
begin
  perform from public.agents where id = p_agent_id and retired_at is null
    and (supervisor_id = any (private.visible_supervisor_ids()) or private.viewer_role() = 'admin') for no key update;
  if not found then
    raise exception 'there is no such agent' using errcode = 'FW404';
  end if;
  select coalesce(v.whole, pg_catalog.jsonb_build_object('name', v.name, 'system_prompt', v.system_prompt)) into v_whole
  from public.agent_versions v where v.agent_id = p_agent_id and v.version = p_version;
  if v_whole is null then
    raise exception 'there is no such version' using errcode = 'FW404';
  end if;
  perform pg_catalog.set_config('floorwalker.note', 'Restored version ' || p_version, true);
  if private.viewer_role() = 'supervisor' then
    update public.agents set system_prompt = v_whole ->> 'system_prompt' where id = p_agent_id;
  else
    update public.agents a set (name, description, system_prompt, first_message, voice_provider, voice_id, voice_name, model_provider,
        model_name, language, interrupt_enabled, silence_threshold_seconds) =
      (select r.name, r.description, r.system_prompt, r.first_message, r.voice_provider, r.voice_id, r.voice_name, r.model_provider,
        r.model_name, r.language, r.interrupt_enabled, r.silence_threshold_seconds
       from pg_catalog.jsonb_populate_record(a, v_whole) r)
    where a.id = p_agent_id;
    if v_whole ? 'tools' then
      perform private.replace_tools(p_agent_id, v_whole -> 'tools');
    end if;
    if v_whole ? 'config' then
      delete from public.agent_config where agent_id = p_agent_id and not v_whole -> 'config' ? config_key;
      insert into public.agent_config (agent_id, config_key, config_value)
      select p_agent_id, e.key, e.value from pg_catalog.jsonb_each(v_whole -> 'config') e
      on conflict (agent_id, config_key) do update set config_value = excluded.config_value
        where agent_config.config_value is distinct from excluded.config_value;
    end if;
  end if;
  return (select pg_catalog.max(v.version) from public.agent_versions v where v.agent_id = p_agent_id);
end $$;
comment on function public.restore_agent_version(uuid, integer) is
  'Makes what an agent was in a version the newest version, which is returned; for a supervisor the prompt alone. A tool whose endpoint differs loses its secret. FW404.';
grant execute on function public.restore_agent_version(uuid, integer) to authenticated;

create or replace function public.retire_agent(p_agent_id uuid) returns public.agents
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent public.agents;
begin
  perform private.require_admin();
  select * into v_agent from public.agents where id = p_agent_id for update;
  if v_agent.id is null then
    raise exception 'there is no such agent' using errcode = 'FW404';
  elsif exists (select from public.interactions where agent_id = p_agent_id and status = 'active') then
    raise exception 'the agent has an active interaction: pause it, and retire it when that has ended' using errcode = 'FW409';
  end if;
  update public.agents set retired_at = coalesce(retired_at, pg_catalog.now()),
    setup_ended_at = case when setup_began_at is not null then coalesce(setup_ended_at, pg_catalog.now()) end
  where id = p_agent_id returning * into v_agent;
  return v_agent;
end $$;
comment on function public.retire_agent(uuid) is
  'The agent''s slot is free again and its keys open nothing; its history stays. FW403, FW404, FW409 while an interaction is active.';
grant execute on function public.retire_agent(uuid) to authenticated;

create trigger agent_tools_45_refuse after update of mode, limit_argument, refuses_above on public.agent_tools for each row
    when (old.mode is distinct from new.mode or old.limit_argument is distinct from new.limit_argument
    or old.refuses_above is distinct from new.refuses_above)
  execute function private.refuse_open_requests();

create trigger agent_tools_70_audit after insert or delete or update on public.agent_tools for each row
  execute function private.audit('agent_id', 'tool_name', 'requires_permission', 'mode', 'undo_seconds', 'limit_argument', 'asks_above',
    'refuses_above', 'uses_per_interaction', 'secret_set_at');

create or replace view private.tool_permission_cards with (security_invoker=true) as
 select t.id,
    t.tool_name,
    t.tool_description,
    g.description as owner_description,
    t.arguments::text as arguments,
    t.arguments_digest,
    t.known_tool,
    t.status,
    t.requested_at,
    t.expires_at,
    t.held_by,
    t.held_by_name,
    t.held_until,
    t.times_held,
    g.undo_seconds,
    t.interaction_id,
    t.agent_id,
    a.name as agent_name,
    a.agent_type as interaction_type,
    p.phone_number,
    p.sentiment,
    p.satisfaction_score,
    coalesce(p.feed, '[]') as feed,
    p.caller,
    coalesce(p.is_test, false) as is_test
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id
     left join public.agent_tools g on g.agent_id = t.agent_id and g.tool_name = t.tool_name
     left join public.interaction_pulse p on p.interaction_id = t.interaction_id;
comment on view private.tool_permission_cards is
  'The card of a pending tool permission. The arguments are text, exactly as they were sent.';
grant select on private.tool_permission_cards to authenticated;
