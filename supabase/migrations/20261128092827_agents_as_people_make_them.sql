-- squawk-ignore-file adding-foreign-key-constraint, ban-drop-constraint, ban-drop-default, ban-drop-not-null, constraint-missing-not-valid, require-concurrent-index-creation
-- Agents become things that people make: all columns of the specifications, templates and clones, configuration by key, tools with a
-- mode, limits and a sealed secret, versions of the whole, keys with a name, and the guided set-up that waits for the first call.

drop trigger agent_keys_70_audit on public.agent_keys;
drop trigger agent_tools_70_audit on public.agent_tools;

alter table public.agents
  alter column supervisor_id drop not null,
  alter column slot drop not null,
  drop constraint agents_agent_type_check,
  add column description text,
  add column first_message text,
  add column voice_provider text not null default 'deepgram',
  add column voice_id text not null default 'aura-2-thalia-en',
  add column voice_name text,
  add column model_provider text not null default 'ollama',
  add column model_name text not null default 'mixtral:8x7b',
  add column language text not null default 'en',
  add column interrupt_enabled boolean not null default true,
  add column silence_threshold_seconds double precision not null default 0.8,
  add column is_template boolean not null default false,
  add column template_parent_id uuid,
  add column created_by uuid,
  add column setup_began_at timestamptz,
  add column setup_ended_at timestamptz,
  add constraint agents_agent_type_check check (agent_type in ('voice', 'chat', 'email', 'sms', 'research')),
  add constraint agents_description_check check (length(description) <= 4000),
  add constraint agents_first_message_check check (length(first_message) <= 4000),
  add constraint agents_language_check check (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$'),
  add constraint agents_model_check check (length(model_provider) >= 1 and length(model_provider) <= 50
    and length(model_name) >= 1 and length(model_name) <= 100),
  add constraint agents_owned check ((supervisor_id is null) = (is_template or agent_type not in ('voice', 'chat'))),
  add constraint agents_parent_check check (template_parent_id <> id),
  add constraint agents_setup_check check (setup_ended_at is null or setup_began_at is not null),
  add constraint agents_silence_check check (silence_threshold_seconds > 0 and silence_threshold_seconds <= 60),
  add constraint agents_slot_owned check ((slot is null) = (supervisor_id is null)),
  add constraint agents_voice_check check (length(voice_provider) >= 1 and length(voice_provider) <= 50
    and length(voice_id) >= 1 and length(voice_id) <= 100 and length(voice_name) <= 255),
  add constraint agents_created_by_fkey foreign key (created_by) references public.users(id) on delete restrict,
  add constraint agents_template_parent_id_fkey foreign key (template_parent_id) references public.agents(id)
    on delete set null;
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
create index agents_created_by on public.agents (created_by);
create index agents_template_parent on public.agents (template_parent_id) where template_parent_id is not null;
create index agents_templates on public.agents (created_at desc) where is_template;
create index agents_in_setup on public.agents (setup_began_at) where setup_began_at is not null
    and setup_ended_at is null;

alter table public.agent_tools
  add column idempotent boolean not null default false,
  add column sealed_secret bytea,
  add column secret_set_at timestamptz,
  add column limit_argument text,
  add column asks_above numeric,
  add column refuses_above numeric,
  add column uses_per_interaction integer,
  add column mode text not null default 'runs';
update public.agent_tools set mode = 'asks' where requires_permission;
alter table public.agent_tools
  alter column mode drop default,
  add constraint agent_tools_limit_argument_check check (length(limit_argument) >= 1 and length(limit_argument) <= 255),
  add constraint agent_tools_limits check ((asks_above is null and refuses_above is null) = (limit_argument is null)
    and (asks_above is null or asks_above >= 0::numeric and asks_above < 1e15)
    and (refuses_above is null or refuses_above >= coalesce(asks_above, 0::numeric) and refuses_above < 1e15)),
  add constraint agent_tools_mode_check check (mode in ('runs', 'shown', 'asks', 'refused')),
  add constraint agent_tools_mode_agrees check (requires_permission = (mode in ('asks', 'refused'))),
  add constraint agent_tools_secret check ((sealed_secret is null) = (secret_set_at is null)
    and octet_length(sealed_secret) <= 20000),
  add constraint agent_tools_uses_check check (uses_per_interaction >= 1 and uses_per_interaction <= 1000);
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

alter table public.agent_versions
  add column whole jsonb,
  add column note text,
  add column actor text,
  add constraint agent_versions_note_check check (length(note) <= 200);
comment on table public.agent_versions is
  'Everything that an agent consisted of at a time, written by trigger; one version per transaction.';
comment on column public.agent_versions.created_by is
  'The person who changed it; null for the service key and the database''s owner.';
comment on column public.agent_versions.whole is
  'The agent''s fields, {tools: [...], config: {...}}, without secrets.';
comment on column public.agent_versions.note is
  'What the person wrote about the change.';
comment on column public.agent_versions.actor is
  'The username, an admin''s name or the role, as it was then.';
comment on constraint agent_versions_note_check on public.agent_versions is
  'a note has at most 200 characters';
update public.agent_versions v set actor = coalesce(u.username, u.name) from public.users u where u.id = v.created_by;

alter table public.agent_keys
  add column name text not null default '',
  add column created_by uuid,
  add column last_used_at timestamptz,
  add constraint agent_keys_name_check check (length(name) <= 100),
  add constraint agent_keys_created_by_fkey foreign key (created_by) references public.users(id) on delete restrict;
comment on column public.agent_keys.created_by is
  'The person who made it; null for the service key and the database''s owner.';
comment on column public.agent_keys.last_used_at is
  'Written at most once a minute.';
comment on constraint agent_keys_name_check on public.agent_keys is
  'the name of a key has at most 100 characters';
comment on constraint agent_keys_created_by_fkey on public.agent_keys is
  'a key was made by a person who exists';
create index agent_keys_created_by on public.agent_keys (created_by);

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

create table public.setup_steps (
  agent_id uuid,
  step text not null,
  at timestamptz not null default clock_timestamp(),
  status integer,
  detail text,
  id bigint not null generated always as identity,
  constraint setup_steps_pkey primary key (id),
  constraint setup_steps_once unique nulls not distinct (agent_id, step),
  constraint setup_steps_step_check check (step in ('key_accepted', 'interaction_opened', 'first_metric',
    'permission_requested', 'decision_delivered', 'refused')),
  constraint setup_steps_detail_check check (length(detail) <= 1000),
  constraint setup_steps_agent_id_fkey foreign key (agent_id) references public.agents(id) on delete cascade
);

comment on table public.setup_steps is
  'What arrived of an agent whose guided set-up waits for the first call: one row per step.';
comment on column public.setup_steps.agent_id is
  'Null for the newest request with an unknown key.';
comment on column public.setup_steps.status is
  'The HTTP status of a refusal.';
comment on column public.setup_steps.detail is
  'The sentence of a refusal.';
comment on constraint setup_steps_pkey on public.setup_steps is
  'this id is taken';
comment on constraint setup_steps_once on public.setup_steps is
  'a step is noted once';
comment on constraint setup_steps_step_check on public.setup_steps is
  'a step is one of the guided set-up';
comment on constraint setup_steps_detail_check on public.setup_steps is
  'detail has at most 1000 characters';
comment on constraint setup_steps_agent_id_fkey on public.setup_steps is
  'a step belongs to an agent that exists';

alter table public.interactions
  add column agent_version integer,
  add column is_test boolean not null default false;
comment on column public.interactions.agent_version is
  'The version of its agent with which it started.';
comment on column public.interactions.is_test is
  'It started while the guided set-up of its agent waited for the first call. No score, FCR, count or CSAT includes it.';

alter table public.interaction_pulse
  add column is_test boolean not null default false,
  add column ends_at timestamptz;
comment on column public.interaction_pulse.is_test is
  'Copied from the interaction.';
comment on column public.interaction_pulse.ends_at is
  'When the agent''s max_call_duration, as it was at the start, is over.';
create index interaction_pulse_ends on public.interaction_pulse (ends_at) where ends_at is not null;

alter table public.tool_permissions
  drop constraint tool_permissions_rule,
  drop constraint tool_permissions_rule_check,
  add constraint tool_permissions_rule check (rule is null
    or case rule when 'refused' then status = 'denied' else status = 'allowed' end),
  add constraint tool_permissions_rule_check check (rule in ('not_required', 'shown', 'limit', 'grant', 'refused'));
comment on column public.tool_permissions.rule is
  'Decided by a rule instead of a person. Allowed: not_required or shown by the tool''s mode, limit for an amount up to asks_above, grant by a standing approval. Denied: refused by the tool''s mode or limits.';
comment on constraint tool_permissions_rule on public.tool_permissions is
  'a rule allows, and the rule refused denies';
comment on constraint tool_permissions_rule_check on public.tool_permissions is
  'rule is not_required, shown, limit, grant or refused';

grant insert (supervisor_id, name, agent_type, system_prompt, description, first_message, voice_provider, voice_id, voice_name, model_provider, model_name, language, interrupt_enabled, silence_threshold_seconds, is_template, mcp_tools) on public.agents to authenticated;
grant update (name, system_prompt, description, first_message, voice_provider, voice_id, voice_name, model_provider, model_name, language, interrupt_enabled, silence_threshold_seconds, mcp_tools) on public.agents to authenticated;
revoke select on public.agent_tools from agent_runtime, authenticated, service_role;
-- All columns but sealed_secret.
grant select (id, agent_id, tool_name, description, input_schema, tool_config, requires_permission, created_at, undo_seconds, mode, idempotent, secret_set_at, limit_argument, asks_above, refuses_above, uses_per_interaction) on public.agent_tools to agent_runtime, authenticated;
grant insert (agent_id, tool_name, description, input_schema, tool_config, requires_permission, undo_seconds, mode, idempotent, sealed_secret, secret_set_at, limit_argument, asks_above, refuses_above, uses_per_interaction) on public.agent_tools to authenticated;
grant update (tool_name, description, input_schema, tool_config, requires_permission, undo_seconds, mode, idempotent, sealed_secret, secret_set_at, limit_argument, asks_above, refuses_above, uses_per_interaction) on public.agent_tools to authenticated;
grant delete on public.agent_tools to authenticated;
grant select (id, agent_id, tool_name, description, input_schema, tool_config, requires_permission, created_at, undo_seconds, mode, idempotent, secret_set_at, limit_argument, asks_above, refuses_above, uses_per_interaction) on public.agent_tools to service_role;
grant insert, update, delete on public.agent_tools to service_role;
grant select (id, agent_id, hint, created_at, revoked_at, name, created_by, last_used_at) on public.agent_keys to authenticated;
grant insert (id, agent_id, key_hash, hint, name) on public.agent_keys to authenticated;
grant update (revoked_at) on public.agent_keys to authenticated;
alter table public.agent_config enable row level security;
grant select on public.agent_config to agent_runtime, authenticated;
grant insert (agent_id, config_key, config_value) on public.agent_config to authenticated;
grant update (config_value) on public.agent_config to authenticated;
grant delete on public.agent_config to authenticated;
grant select, insert, update, delete on public.agent_config to service_role;
alter table public.setup_steps enable row level security;
grant select on public.setup_steps to authenticated, service_role;

-- Its result has one more column.
-- squawk-ignore ban-drop-function -- it is made anew below
drop function private.agent_of_key(bytea);

drop trigger agents_51_version_update on public.agents;
drop trigger agents_63_ring_keys on public.agents;
drop trigger agents_70_audit on public.agents;
drop trigger interactions_25_count_update on public.interactions;

create or replace function private.agent_of_key(p_hash bytea) returns table(key_id uuid, agent_id uuid, in_setup boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select k.id, k.agent_id, a.setup_began_at is not null and a.setup_ended_at is null from public.agent_keys k join public.agents a on a.id = k.agent_id
  where k.key_hash = p_hash and k.revoked_at is null and a.retired_at is null
$$;
comment on function private.agent_of_key(bytea) is
  'The key and agent for a sha256 of a bearer key, and whether the set-up of the agent waits for the first call; no row when unknown, revoked or retired.';
grant execute on function private.agent_of_key(bytea) to floorwalker_web;

create or replace function private.agent_whole(p_agent_id uuid) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_build_object('name', a.name, 'description', a.description, 'system_prompt', a.system_prompt,
    'first_message', a.first_message, 'voice_provider', a.voice_provider, 'voice_id', a.voice_id, 'voice_name', a.voice_name,
    'model_provider', a.model_provider, 'model_name', a.model_name, 'language', a.language,
    'interrupt_enabled', a.interrupt_enabled, 'silence_threshold_seconds', a.silence_threshold_seconds,
    'tools', (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('tool_name', t.tool_name, 'description', t.description,
        'input_schema', t.input_schema, 'tool_config', t.tool_config, 'mode', t.mode, 'undo_seconds', t.undo_seconds,
        'idempotent', t.idempotent, 'limit_argument', t.limit_argument, 'asks_above', t.asks_above,
        'refuses_above', t.refuses_above, 'uses_per_interaction', t.uses_per_interaction)
        order by t.tool_name collate "C"), '[]')
      from public.agent_tools t where t.agent_id = a.id),
    'config', (
      select coalesce(pg_catalog.jsonb_object_agg(c.config_key, c.config_value), '{}')
      from public.agent_config c where c.agent_id = a.id))
  from public.agents a where a.id = p_agent_id
$$;
comment on function private.agent_whole(uuid) is
  'Everything that an agent consists of, without secrets and keys: a version of it. Null for no agent.';

create or replace function private.agree_tool_mode() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.mode is null or tg_op = 'UPDATE' and new.mode = old.mode
     and new.requires_permission is distinct from old.requires_permission then
    new.mode := case when new.requires_permission then 'asks' else 'runs' end;
  else
    new.requires_permission := new.mode in ('asks', 'refused');
  end if;
  return new;
end $$;
comment on function private.agree_tool_mode() is
  'Trigger: mode and requires_permission agree. The one that was changed decides, and the mode where both were.';

create or replace function private.answered_permissions(p_supervisor_ids uuid[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_since timestamptz := pg_catalog.now() - interval '10 minutes';
begin
  if p_supervisor_ids is null then
    return private.answered_cards(array(select t.id from public.tool_permissions t
      where t.status <> 'pending' and (t.rule is null or t.rule = 'shown') and t.responded_at > v_since
      order by t.responded_at desc limit 5));
  end if;
  return private.answered_cards(array(select t.id from public.tool_permissions t
    where t.status <> 'pending' and (t.rule is null or t.rule = 'shown') and t.responded_at > v_since and t.supervisor_id = any (p_supervisor_ids)
    order by t.responded_at desc limit 5));
end $$;
comment on function private.answered_permissions(uuid[]) is
  'The last five tool permissions answered within ten minutes, newest first.';
grant execute on function private.answered_permissions(uuid[]) to authenticated;

create or replace function private.check_parent() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- One change at a time, because two could close a circle together.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('parents of agents', 0));
  if exists (
    with recursive parents as (
      select a.id, a.template_parent_id from public.agents a where a.id = new.template_parent_id
      union select a.id, a.template_parent_id from public.agents a join parents p on a.id = p.template_parent_id)
    select from parents where id = new.id) then
    raise exception 'an agent is no clone of its own clones' using errcode = 'FW422';
  end if;
  return new;
end $$;
comment on function private.check_parent() is
  'Trigger: the parents of an agent do not lead back to it. FW422.';

create or replace function private.end_overlong() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
  v_count integer := 0;
begin
  for v_id in
    select p.interaction_id from public.interaction_pulse p where p.ends_at <= pg_catalog.clock_timestamp() order by p.ends_at limit 50
  loop
    perform from public.interactions where id = v_id and status = 'active' for no key update skip locked;
    continue when not found;
    update public.interactions set status = 'completed', end_reason = 'timeout' where id = v_id;
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;
comment on function private.end_overlong() is
  'Completes at most 50 active interactions that are older than the max_call_duration of their agent, as it was at the start; how many.';
grant execute on function private.end_overlong() to service_role;

-- Returns json, assembled as text: as jsonb, a tree that is built and written out again, a floor took half as long again. Rows
-- whose version (xmin) the reader knows are left out, and tool permissions are read when one has rung or some are shown. On the
-- whole floor, in one run: p99 1,543 → 85 ms, web processes 1.04 → 0.83 cores, PostgreSQL 0.57 → 0.46.
create or replace function private.floor_v2(p_arguments jsonb) returns json
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
  v_known jsonb := p_arguments -> 'known';
  v_waiting uuid[];
  v_more bigint := 0;
  v_lately uuid[];
  v_pending json;
  v_answered json;
begin
  if p_arguments -> 'urgent' is distinct from 'false' or v_known ->> 'asked' is distinct from 'nothing' then
    select w.ids, w.more into v_waiting, v_more from private.waiting_in_turn(array[v_supervisor], 50) w;
    v_lately := array(
      select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status <> 'pending'
        and (t.rule is null or t.rule = 'shown') and t.responded_at > pg_catalog.now() - interval '10 minutes'
        order by t.responded_at desc limit 5);
  end if;
  if v_waiting <> '{}' then
    select pg_catalog.json_agg(pg_catalog.row_to_json(c) order by pg_catalog.array_position(v_waiting, c.id)) into v_pending
    from private.tool_permission_cards c where c.id = any (v_waiting);
  end if;
  if v_lately <> '{}' then
    select pg_catalog.json_agg(pg_catalog.row_to_json(c) order by c.responded_at desc) into v_answered
    from private.decision_cards c where c.id = any (v_lately);
  end if;
  return pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(
        case when c.row_version = v_known ->> c.id::text then pg_catalog.json_build_object('id', c.id, 'row_version', c.row_version)
        else pg_catalog.row_to_json(c) end order by c.slot), '[]')
      from private.agent_cards c where c.supervisor_id = v_supervisor),
    'tool_permissions', coalesce(v_pending, '[]'),
    'more', v_more,
    'answered', coalesce(v_answered, '[]'));
end $$;
comment on function private.floor_v2(jsonb) is
  'A supervisor''s floor {supervisor_id, known: {agent''s id: row_version, asked: nothing}, urgent}, through the reader''s own row-level security; of an agent whose row_version is known only these two, and no tool permissions where it is known that there are none and urgent is false. FW422 for what is no id.';
grant execute on function private.floor_v2(jsonb) to authenticated;

create or replace function private.follow_interaction() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' and new.status = 'active' then
    insert into public.interaction_pulse (interaction_id, agent_id, supervisor_id, started_at, phone_number, caller, is_test, ends_at)
    values (new.id, new.agent_id, new.supervisor_id, new.started_at, new.phone_number, new.caller, new.is_test,
      (select new.started_at + pg_catalog.make_interval(secs => (c.config_value #>> '{}')::integer)
       from public.agent_config c where c.agent_id = new.agent_id and c.config_key = 'max_call_duration'));
  elsif tg_op = 'UPDATE' and new.status <> 'active' then
    delete from public.interaction_pulse where interaction_id = new.id;
    update public.tool_permissions set status = 'cancelled', responded_at = pg_catalog.clock_timestamp()
    where interaction_id = new.id and status = 'pending';
  end if;
  update public.agents set status = status where id = new.agent_id;
  return null;
end $$;
comment on function private.follow_interaction() is
  'Trigger: pulse, pending tool permissions and the agent''s status follow the start and end of an interaction.';

create or replace function private.interaction_v2(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction uuid := private.id_argument(p_arguments, 'interaction_id');
  v_supervisor uuid := case when p_arguments ? 'supervisor_id' then private.id_argument(p_arguments, 'supervisor_id') end;
begin
  return (
    select pg_catalog.jsonb_build_object(
      'interaction', pg_catalog.to_jsonb(h),
      'scores', coalesce(
        (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
            extract(epoch from m.at - i.started_at)::integer, m.satisfaction_score, m.sentiment) order by m.at, m.id)
         from (select r.id, coalesce(r.effective_at, r.timestamp) as at, r.satisfaction_score, r.sentiment
               from public.realtime_metrics r
               where r.interaction_id = i.id and r.satisfaction_score is not null order by r.timestamp desc limit 720) m),
        r.series, i.series, '[]'),
      'timeline', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(e) order by e.at, e.place, e.id), '[]') from (
          select everything.*, everything.at < i.started_at
              or everything.at::date <> i.started_at::date as dated from (
            -- A stamp in the future counts as the time of arrival.
            (select 't' || t.id as id, least(t.captured_at, t.created_at) as at, 0 as place, t.speaker as kind, t.text,
              null::text as who, case when t.interrupted then 'interrupted' end as status, t.late
             from public.interaction_turns t where t.interaction_id = i.id order by t.captured_at desc limit 300)
            union all
            (select 'm' || m.id, coalesce(m.effective_at, m.timestamp), 0, 'feed', m.feed_text, null, m.sentiment, false
             from public.realtime_metrics m where m.interaction_id = i.id and m.feed_text <> ''
             order by m.timestamp desc limit 300)
            union all
            select 'q' || q.id, q.requested_at, 1, 'request', q.tool_name || ' ' || case when pg_catalog.length(q.arguments::text) > 2000
                then pg_catalog.left(q.arguments::text, 2000) || '…' else q.arguments::text end, null, null, false
            from public.tool_permissions q where q.interaction_id = i.id
            union all
            select 'd' || q.id, q.responded_at, 2, case q.rule when 'grant' then 'use' else 'decision' end, q.tool_name || coalesce(': ' || q.reason, ''),
              coalesce(q.responded_by_name, (select g.granted_by_name from public.tool_grants g where g.id = q.grant_id), q.rule),
              case q.rule when 'grant' then q.grant_use::text else q.status end, false
            from public.tool_permissions q where q.interaction_id = i.id and q.status <> 'pending'
            union all
            select 'g' || g.id, g.created_at, 4, 'grant', g.tool_name || ': ' || private.grant_words(g) || ', '
                || g.max_uses || case g.max_uses when 1 then ' use' else ' uses' end || ' within '
                || (extract(epoch from g.expires_at - g.created_at) / 60)::integer || ' minutes', g.granted_by_name, null, false
            from public.tool_grants g where g.interaction_id = i.id
            union all
            select 'e' || g.id, g.ended_at, 5, 'grant_end', g.tool_name, g.ended_by_name, g.ended_how, false
            from public.tool_grants g where g.interaction_id = i.id and g.ended_at < coalesce(i.ended_at, 'infinity')
            union all
            select 'x' || q.id, q.executed_at, 3, 'execution', q.tool_name, null,
              case q.execution_succeeded when true then 'succeeded' when false then 'failed' else 'started' end, false
            from public.tool_permissions q where q.interaction_id = i.id and q.executed_at is not null
            union all
            -- The agent was paused or resumed during this interaction.
            select 'p' || l.id, l.at, 6, 'pause', null, l.actor,
              case when l.changes -> 'paused_at' -> 1 = 'null' then 'resumed' else 'paused' end, false
            from public.audit_logs l where l.row_id = i.agent_id::text and l.changes ? 'paused_at'
              and l.at between i.started_at and coalesce(i.ended_at, 'infinity')
          ) everything order by at desc, place desc, id desc limit 300
        ) e),
      'tool_permissions', private.permission_cards(array(
        select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status = 'pending'
        order by w.requested_at, w.id limit 50)),
      'answered', private.answered_cards(array(
        select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status <> 'pending' and (w.rule is null or w.rule = 'shown')
          and w.responded_at > pg_catalog.now() - interval '10 minutes' order by w.responded_at desc limit 5)),
      'archive', case when r.id is not null then pg_catalog.jsonb_build_object('summary', r.summary, 'issues', r.issues,
        'tags', r.tags, 'csat_score', r.csat_score, 'resolution_time_seconds', r.resolution_time_seconds,
        'fcr_status', r.fcr_status, 'created_at', r.created_at) end,
      'broken_by', (
        select later.id from public.interactions later
        join public.interaction_archives b on b.interaction_id = later.id
        where r.fcr_status = false and not later.is_test and later.phone_number = i.phone_number and later.started_at > i.started_at
          and later.started_at <= i.started_at + interval '3 days'
          and private.issue_tags(b.tags) && private.issue_tags(r.tags)
        order by later.started_at limit 1))
    from public.interactions i
    join private.interaction_heads h on h.id = i.id
    left join public.interaction_archives r on r.interaction_id = i.id
    where i.id = v_interaction and (v_supervisor is null or i.supervisor_id = v_supervisor));
end $$;
comment on function private.interaction_v2(jsonb) is
  'One interaction {interaction_id}, as long as it is of {supervisor_id} if that is given, through the reader''s own row-level security. FW422 for what is no id.';
grant execute on function private.interaction_v2(jsonb) to authenticated;

create or replace function private.keep_revoked() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'the key is already revoked' using errcode = 'FW409';
end $$;
comment on function private.keep_revoked() is
  'Trigger: a key that was revoked stays revoked. FW409.';

create or replace function private.keep_version() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent uuid := case when tg_table_name = 'agents' then pg_catalog.to_jsonb(new) ->> 'id'
    when tg_op = 'DELETE' then pg_catalog.to_jsonb(old) ->> 'agent_id' else pg_catalog.to_jsonb(new) ->> 'agent_id' end;
  v_whole jsonb := private.agent_whole(v_agent);
  v_tools jsonb := (select a.mcp_tools from public.agents a where a.id = v_agent);
  v_last public.agent_versions;
  v_person public.users;
begin
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

create or replace function private.limited_amount(p_arguments json, p_name text) returns numeric
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_name is null then
    return null;
  end if;
  return private.plain_amount(p_arguments, p_name);
exception when data_exception then  -- a name that PostgreSQL cannot read, as one with U+0000
  return null;
end $$;
comment on function private.limited_amount(json, text) is
  'The argument that the limits of a tool compare; null when it is missing or not a plain number, and without a name.';

create or replace function private.make_agent_key() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent public.agents;
begin
  select * into v_agent from public.agents where id = new.agent_id for key share;
  if v_agent.is_template then
    raise exception 'a template has no keys: make a clone of it' using errcode = 'FW422';
  elsif v_agent.retired_at is not null and new.revoked_at is null then
    raise exception 'the agent is retired' using errcode = 'FW409';
  end if;
  new.created_by := (select u.id from public.users u where u.id = private.viewer_id());
  return new;
end $$;
comment on function private.make_agent_key() is
  'Trigger: the person who makes a key. FW409 for a retired agent, FW422 for a template.';

create or replace function private.name_creator() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  new.created_by := (select u.id from public.users u where u.id = private.viewer_id());
  return new;
end $$;
comment on function private.name_creator() is
  'Trigger: the person who makes an agent.';

create or replace function private.note_key_use(p_key_ids uuid[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  update public.agent_keys k set last_used_at = pg_catalog.clock_timestamp()
  from (select id from public.agent_keys where id = any (p_key_ids)
      and (last_used_at is null or last_used_at < pg_catalog.clock_timestamp() - interval '1 minute')
    order by id for no key update skip locked) used
  where k.id = used.id
$$;
comment on function private.note_key_use(uuid[]) is
  'These keys were used now; each is written at most once a minute.';
grant execute on function private.note_key_use(uuid[]) to floorwalker_web;

create or replace function private.note_performance(p_sign integer, p_interaction public.interactions, p_archive public.interaction_archives, p_itself boolean) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into private.performance_changes (agent_id, supervisor_id, started_at, completed, handle_seconds, rated,
    csat_hundredths, resolutions, resolution_seconds, fcr_known, fcr_true)
  select (p_interaction).agent_id, (p_interaction).supervisor_id, (p_interaction).started_at,
    p_sign * p_itself::integer,
    p_sign * p_itself::integer * (p_interaction).duration_seconds,
    p_sign * ((p_archive).csat_score is not null)::integer,
    p_sign * coalesce((p_archive).csat_score * 100, 0)::bigint,
    p_sign * ((p_archive).resolution_time_seconds is not null)::integer,
    p_sign * coalesce((p_archive).resolution_time_seconds, 0),
    p_sign * ((p_archive).fcr_status is not null)::integer,
    p_sign * coalesce((p_archive).fcr_status, false)::integer
  where (p_interaction).status = 'completed' and not (p_interaction).is_test
$$;
comment on function private.note_performance(integer, public.interactions, public.interaction_archives, boolean) is
  'Writes one row of performance_changes; nothing for an interaction that is not completed, or is a test.';

create or replace function private.note_setup_step(p_agent_id uuid, p_steps text[], p_status integer default null, p_detail text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent public.agents;
begin
  if p_agent_id is null then
    -- A key that nobody has: shown to every admin who waits for a first call.
    if not exists (select from public.agents where setup_began_at is not null and setup_ended_at is null) then
      return;
    end if;
  else
    select * into v_agent from public.agents where id = p_agent_id for no key update;
    if v_agent.id is null or v_agent.setup_began_at is null or v_agent.setup_ended_at is not null then
      return;
    end if;
  end if;
  insert into public.setup_steps as s (agent_id, step, status, detail)
  select p_agent_id, step, p_status, pg_catalog.left(p_detail, 1000) from pg_catalog.unnest(p_steps) step
  on conflict (agent_id, step) do update set at = excluded.at, status = excluded.status, detail = excluded.detail
    where s.step = 'refused';
  if 'decision_delivered' = any (p_steps) then
    update public.agents set setup_ended_at = pg_catalog.clock_timestamp() where id = p_agent_id;
  end if;
end $$;
comment on function private.note_setup_step(uuid, text[], integer, text) is
  'Notes what arrived of an agent whose set-up waits for the first call: each step once, and the newest refusal with its status and sentence. The delivered decision ends the set-up. Without an agent, the refusal of an unknown key.';
grant execute on function private.note_setup_step(uuid, text[], integer, text) to floorwalker_web;

create or replace function private.open_interaction() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent public.agents;
begin
  select * into v_agent from public.agents where id = new.agent_id for no key update;
  if v_agent.id is null or private.is_anothers(v_agent.id) then
    raise exception 'there is no such agent' using errcode = 'FW404';
  elsif v_agent.agent_type <> new.interaction_type then
    raise exception 'a % agent takes no % interaction', v_agent.agent_type, new.interaction_type using errcode = 'FW422';
  elsif v_agent.supervisor_id is null then
    raise exception 'a template takes no interaction' using errcode = 'FW409';
  elsif new.status = 'active' and v_agent.retired_at is not null then
    raise exception 'the agent is retired' using errcode = 'FW409';
  elsif new.status = 'active' and v_agent.paused_at is not null then
    raise exception 'the agent is paused and takes no new interaction' using errcode = 'FW409';
  end if;
  new.supervisor_id := v_agent.supervisor_id;
  if new.status = 'active' then
    new.is_test := v_agent.setup_began_at is not null and v_agent.setup_ended_at is null;
    new.agent_version := (select v.version from public.agent_versions v where v.agent_id = v_agent.id order by v.version desc limit 1);
  end if;
  return new;
end $$;
comment on function private.open_interaction() is
  'Trigger: fills the supervisor, the agent''s version and whether it is a test; FW409 for a paused or retired agent or a template, FW422 for the wrong type.';

create or replace function private.open_tool_permission() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pulse public.interaction_pulse;
  v_tool public.agent_tools;
  v_grant public.tool_grants;
  v_amount numeric;
  v_under boolean;
  v_most integer;
begin
  -- Of two simultaneous requests of an agent, the second counts the first. Taken before all other locks, because all
  -- requests take them in one order.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('pending of ' || i.agent_id::text, 0))
  from public.interactions i where i.id = new.interaction_id;
  -- The locks wait for a move of the interaction, and for its end, which cancels pending requests.
  perform from public.interactions where id = new.interaction_id for key share;
  -- A use of a grant changes the pulse, so it takes the lock for a change at once. A transaction that takes a weak lock first
  -- and then a strong one can deadlock with another that waits for the strong lock.
  if exists (select from public.tool_grants where interaction_id = new.interaction_id and tool_name = new.tool_name and ended_at is null) then
    select * into v_pulse from public.interaction_pulse where interaction_id = new.interaction_id for no key update;
    select * into v_grant from public.tool_grants
    where interaction_id = new.interaction_id and tool_name = new.tool_name and ended_at is null for no key update;
  else
    select * into v_pulse from public.interaction_pulse where interaction_id = new.interaction_id for key share;
  end if;
  if v_pulse.interaction_id is null then
    if exists (select from public.interactions where id = new.interaction_id and not private.is_anothers(agent_id)) then
      raise exception 'the interaction has ended' using errcode = 'FW409';
    end if;
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif private.is_anothers(v_pulse.agent_id) then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  select * into v_tool from public.agent_tools where agent_id = v_pulse.agent_id and tool_name = new.tool_name;
  new.agent_id := v_pulse.agent_id;
  new.supervisor_id := v_pulse.supervisor_id;
  new.known_tool := v_tool.id is not null;
  new.tool_description := coalesce(new.tool_description, v_tool.description);
  -- The digest over RFC 8785 cannot be made here, so the API makes it of the arguments that it stores. Only the API may: it
  -- writes as agent_runtime, which no agent's program can become, and no other role may write this column. A request
  -- stored by another role gets the digest of its text.
  if private.claim('key_id') is null or new.arguments_digest is null then
    new.arguments_digest := pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(new.arguments::text, 'UTF8')), 'hex');
  elsif new.arguments_digest !~ '^[0-9a-f]{64}$' then
    raise exception 'arguments_digest is a SHA-256 in hexadecimal' using errcode = 'FW422';
  end if;
  new.requested_at := pg_catalog.clock_timestamp();
  new.expires_at := new.requested_at + pg_catalog.make_interval(secs => private.setting('permission_seconds'));
  new.status := 'pending';
  new.grant_id := null;
  new.grant_use := null;
  if v_tool.id is not null then
    v_amount := private.limited_amount(new.arguments, v_tool.limit_argument);
    new.reason := case
      when v_tool.mode = 'refused' then 'This tool is refused: nobody can allow it.'
      when v_amount > v_tool.refuses_above then
        pg_catalog.format('%s is more than %s, the most that this tool may use.', v_tool.limit_argument, v_tool.refuses_above)
      when v_tool.uses_per_interaction is not null and (select pg_catalog.count(*) from (select from public.tool_permissions t where t.interaction_id = new.interaction_id
          and t.tool_name = new.tool_name and t.status in ('pending', 'allowed') limit v_tool.uses_per_interaction) u)
          >= v_tool.uses_per_interaction then
        pg_catalog.format('This tool may be used %s in an interaction.',
          case v_tool.uses_per_interaction when 1 then 'once' else v_tool.uses_per_interaction || ' times' end) end;
    v_under := case
      when v_tool.limit_argument is null then v_tool.mode in ('runs', 'shown')
      when v_amount is null then false  -- it cannot be compared, so a person decides
      when v_tool.asks_above is not null then v_amount <= v_tool.asks_above
      else v_tool.mode in ('runs', 'shown') end;
  end if;
  if new.reason is not null then
    new.rule := 'refused';
  elsif v_under then
    new.rule := case v_tool.mode when 'runs' then 'not_required' when 'shown' then 'shown' else 'limit' end;
  elsif v_grant.id is not null then
    v_amount := private.covered_amount(v_grant, new, coalesce(v_tool.undo_seconds, 0));
    if v_amount is not null then
      new.rule := 'grant';
      new.grant_id := v_grant.id;
      new.grant_use := v_grant.uses + 1;
      update public.tool_grants set uses = new.grant_use, used_sum = used_sum + v_amount,
        ended_at = case when new.grant_use = max_uses then new.requested_at end,
        ended_how = case when new.grant_use = max_uses then 'used_up' end
      where id = v_grant.id;
    end if;
  end if;
  if new.rule is null then
    v_most := private.setting('pending_per_agent');
    if (select pg_catalog.count(*) from (select from public.tool_permissions t
        where t.agent_id = new.agent_id and t.status = 'pending'
          and (t.held_until is not null or t.expires_at > pg_catalog.clock_timestamp()) limit v_most) p) >= v_most then
      raise exception 'the agent already has % pending requests: ask again when one is decided', v_most using errcode = 'FW429';
    end if;
    new.requested_at := pg_catalog.clock_timestamp();
    new.expires_at := new.requested_at + pg_catalog.make_interval(secs => private.setting('permission_seconds'));
  end if;
  if new.rule is not null then
    new.responded_at := new.requested_at;
    if new.rule = 'refused' then
      new.status := 'denied';
    else
      new.status := 'allowed';
      new.execute_before := new.requested_at + pg_catalog.make_interval(secs => private.setting('execute_seconds'));
    end if;
  end if;
  return new;
end $$;
comment on function private.open_tool_permission() is
  'Trigger: fills agent, supervisor and expiry; allows at once what needs no permission or is granted, and denies what the tool refuses. FW409 on an ended interaction, FW404 on none, FW422 for what is no digest, FW429 when the agent has too many pending.';

create or replace function private.refuse_supervisors() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.viewer_role() = 'supervisor' then
    raise exception 'supervisors change the prompt and the pause of an agent, and admins everything else' using errcode = 'FW403';
  end if;
  return new;
end $$;
comment on function private.refuse_supervisors() is
  'Trigger: of an agent, a supervisor changes the prompt and the pause alone. FW403.';

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
    asks_above = excluded.asks_above, refuses_above = excluded.refuses_above, uses_per_interaction = excluded.uses_per_interaction
  where (g.description, g.input_schema, g.tool_config, g.mode, g.undo_seconds, g.idempotent, g.limit_argument, g.asks_above,
      g.refuses_above, g.uses_per_interaction)
    is distinct from (excluded.description, excluded.input_schema, excluded.tool_config, excluded.mode, excluded.undo_seconds,
      excluded.idempotent, excluded.limit_argument, excluded.asks_above, excluded.refuses_above, excluded.uses_per_interaction);
end $$;
comment on function private.replace_tools(uuid, jsonb) is
  'Makes these the tools of an agent, in the form of a version. Tools that stay keep their secret.';

create or replace function private.ring() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner uuid;
begin
  if tg_op = 'INSERT' then
    for v_owner in select distinct supervisor_id from inserted where supervisor_id is not null loop
      perform pg_catalog.pg_notify('floor', tg_table_name || ':' || v_owner);
    end loop;
  elsif tg_op = 'UPDATE' then
    for v_owner in select supervisor_id from before where supervisor_id is not null
        union select supervisor_id from after where supervisor_id is not null loop
      perform pg_catalog.pg_notify('floor', tg_table_name || ':' || v_owner);
    end loop;
  else
    for v_owner in select distinct supervisor_id from before where supervisor_id is not null loop
      perform pg_catalog.pg_notify('floor', tg_table_name || ':' || v_owner);
    end loop;
  end if;
  return null;
end $$;
comment on function private.ring() is
  'Statement trigger: NOTIFY floor, ''<table>:<supervisor_id>'' for each supervisor touched.';

create or replace function private.ring_setup() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.pg_notify('floor', 'setup_steps:' || coalesce(new.agent_id, '00000000-0000-0000-0000-000000000000'));
  return null;
end $$;
comment on function private.ring_setup() is
  'Trigger: the waiting page of an agent, or every one, has something to show.';

create or replace function private.sealed_secrets(p_agent_id uuid) returns table(tool_id uuid, sealed_secret bytea)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id, t.sealed_secret from public.agent_tools t
  where t.sealed_secret is not null and t.agent_id = p_agent_id
$$;
comment on function private.sealed_secrets(uuid) is
  'The secrets of an agent''s tools, encrypted with SECRET_KEY; for the server alone.';
grant execute on function private.sealed_secrets(uuid) to floorwalker_web;

create or replace function private.settle_fcr(p_phone text, p_from timestamp with time zone, p_to timestamp with time zone) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_phone is null then
    return;
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('fcr:' || p_phone, 0));
  update public.interaction_archives a set fcr_status = s.settled
  from (
    select a2.id,
      case
        when exists (
          select from public.interactions later join public.interaction_archives b on b.interaction_id = later.id
          where later.phone_number = p_phone and not later.is_test and later.started_at > i.started_at
            and later.started_at <= i.started_at + interval '3 days'
            and private.issue_tags(b.tags) && private.issue_tags(a2.tags)) then false
        else (select pg_catalog.bool_and(e ->> 'status' = 'resolved')
              from pg_catalog.jsonb_array_elements(coalesce(a2.issues, '[]') || coalesce(a2.tags -> 'issues', '[]')) e)
      end as settled
    from public.interactions i join public.interaction_archives a2 on a2.interaction_id = i.id
    where i.phone_number = p_phone and not i.is_test and i.started_at between p_from and p_to
  ) s
  where s.id = a.id and a.fcr_status is distinct from s.settled;
end $$;
comment on function private.settle_fcr(text, timestamp with time zone, timestamp with time zone) is
  'Recomputes fcr_status of one number''s archives whose interaction started in the span.';

create or replace function private.setup(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent uuid := private.id_argument(p_arguments, 'agent_id');
begin
  return (
    select pg_catalog.jsonb_build_object(
      'agent', pg_catalog.jsonb_build_object('id', a.id, 'name', a.name, 'agent_type', a.agent_type, 'supervisor', u.name,
        'username', u.username, 'began_at', a.setup_began_at, 'ended_at', a.setup_ended_at,
        'tools', (select pg_catalog.count(*) from public.agent_tools t where t.agent_id = a.id),
        'asking', (select pg_catalog.count(*) from public.agent_tools t where t.agent_id = a.id and t.mode = 'asks')),
      'steps', (select coalesce(pg_catalog.jsonb_object_agg(s.step, s.at), '{}') from public.setup_steps s
        where s.agent_id = a.id and s.step <> 'refused'),
      'refused', (select pg_catalog.jsonb_build_object('at', s.at, 'status', s.status, 'detail', s.detail) from public.setup_steps s
        where (s.agent_id = a.id or s.agent_id is null and a.setup_ended_at is null) and s.step = 'refused'
          and s.at > greatest(a.setup_began_at, pg_catalog.clock_timestamp() - interval '10 minutes')
        order by s.at desc limit 1),
      'first', (select pg_catalog.jsonb_build_object('id', i.id, 'status', i.status, 'started_at', i.started_at,
          'phone_number', i.phone_number, 'caller', i.caller,
          'satisfaction_score', (select m.satisfaction_score from public.realtime_metrics m where m.interaction_id = i.id
            and m.satisfaction_score is not null order by m.timestamp desc limit 1),
          'decision', (select pg_catalog.jsonb_build_object('tool_name', t.tool_name, 'status', t.status,
              'responded_by_name', t.responded_by_name, 'responded_at', t.responded_at)
            from public.tool_permissions t where t.interaction_id = i.id and t.status <> 'pending' order by t.responded_at limit 1))
        from public.interactions i where i.agent_id = a.id and i.is_test and i.started_at >= a.setup_began_at
        order by i.started_at limit 1))
    from public.agents a join public.users u on u.id = a.supervisor_id
    where a.id = v_agent and a.setup_began_at is not null and private.viewer_role() = 'admin');
end $$;
comment on function private.setup(jsonb) is
  'The guided set-up of an agent {agent_id} for an admin: which steps arrived, and the newest refusal within ten minutes. Null for others, and for an agent that never waited. FW422 for what is no id.';
grant execute on function private.setup(jsonb) to authenticated;

create or replace function private.sweep(p_step text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_step is null or p_step not in ('expiry', 'reaping', 'performance', 'metrics', 'archives', 'interactions', 'leftovers') then
    raise exception 'unknown step %: expiry, reaping, performance, metrics, archives, interactions or leftovers', p_step
      using errcode = 'FW422';
  end if;
  if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker sweep ' || p_step, 0)) then
    return null;
  end if;
  return case p_step
    when 'expiry' then private.expire_tool_permissions()
    when 'reaping' then private.reap_interactions() + private.end_overlong()
    when 'performance' then private.fold_performance()
    when 'metrics' then private.cleanup_realtime_metrics()
    when 'archives' then public.cleanup_old_archives(private.setting('archive_days'), 50)
    when 'interactions' then private.anonymise_interactions()
    when 'leftovers' then private.cleanup_leftovers() end;
end $$;
comment on function private.sweep(text) is
  'One batch of one step of the sweeper; how many rows, or null while another process is at it. FW422 for an unknown step.';
grant execute on function private.sweep(text) to floorwalker_web, service_role;

create or replace function private.take_slot() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.supervisor_id is null then
    new.slot := null;
    return new;
  elsif tg_op = 'UPDATE' and new.supervisor_id = old.supervisor_id
     and (new.retired_at is not null or old.retired_at is null) then
    return new;
  end if;
  -- Waits for a transaction that adds an agent to the same supervisor.
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
comment on function private.take_slot() is
  'Trigger: gives an agent the lowest free slot of its supervisor; FW409 when all three are taken.';

-- Reads every pulse once, and looks up the rest only for the sixty interactions that it shows: 83 ms with 15,000 live ones, where
-- joining first took 320.
create or replace function private.wallboard(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sentiment text := p_arguments ->> 'sentiment';
  v_seen_before timestamptz := case when p_arguments ->> 'stale' is not null then pg_catalog.clock_timestamp()
    - pg_catalog.make_interval(secs => private.setting('stale_seconds')) end;
  v_chosen uuid[] := private.chosen_supervisors(p_arguments);
begin
  if v_sentiment not in ('good', 'neutral', 'critical') then
    raise exception 'unknown sentiment %: good, neutral or critical', v_sentiment using errcode = 'FW422';
  end if;
  return (
    with live as materialized (
      select p.interaction_id, p.agent_id, p.supervisor_id, p.started_at, p.last_seen_at, p.sentiment, p.satisfaction_score, p.is_test
      from public.interaction_pulse p
    ), matching as materialized (
      select l.*, case l.sentiment when 'critical' then 0 when 'neutral' then 1 when 'good' then 2 else 3 end as badness
      from live l
      where (v_chosen is null or l.supervisor_id in (select pg_catalog.unnest(v_chosen)))
        and (v_sentiment is null or l.sentiment = v_sentiment)
        and (v_seen_before is null or l.last_seen_at < v_seen_before)
    ), worst as materialized (
      select m.*, pg_catalog.row_number() over () as place from (
        select * from matching
        order by badness, satisfaction_score nulls last, started_at, interaction_id limit 60) m
    )
    select pg_catalog.jsonb_build_object(
      'numbers', (select pg_catalog.jsonb_build_object(
        'active', pg_catalog.count(*) filter (where not is_test),
        'critical', pg_catalog.count(*) filter (where sentiment = 'critical' and not is_test),
        'satisfaction', pg_catalog.round(pg_catalog.avg(satisfaction_score) filter (where not is_test)),
        'agents', (select coalesce(pg_catalog.jsonb_object_agg(g.status, g.n), '{}') from (
          select status, pg_catalog.count(*) as n from public.agents where retired_at is null and supervisor_id is not null group by status) g))
        || (select pg_catalog.jsonb_build_object('pending', pg_catalog.count(*), 'oldest_pending', pg_catalog.min(requested_at))
            from public.tool_permissions where status = 'pending' and held_until is null) from live),
      'interactions', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by w.place), '[]')
        from worst w join private.interaction_rows r on r.id = w.interaction_id),
      'matching', (select pg_catalog.count(*) from matching),
      'supervisors', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(v) order by v.critical desc, v.active desc, v.username), '[]') from (
        select u.username, t.active, t.critical
        from (select supervisor_id, pg_catalog.count(*) as active, pg_catalog.count(*) filter (where sentiment = 'critical') as critical
              from live where not is_test group by supervisor_id) t
        join public.users u on u.id = t.supervisor_id
        order by t.critical desc, t.active desc, u.username limit 24) v)));
end $$;
comment on function private.wallboard(jsonb) is
  'The whole floor, through the reader''s own row-level security: an admin sees everybody''s. FW422 for an unknown filter.';
grant execute on function private.wallboard(jsonb) to authenticated;

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
  'Makes what an agent was in a version the newest version, which is returned; for a supervisor the prompt alone. Secrets of tools that still exist stay. FW404.';
grant execute on function public.restore_agent_version(uuid, integer) to authenticated;

create or replace function public.set_agent_setup(p_agent_id uuid, p_waiting boolean) returns public.agents
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent public.agents;
begin
  perform private.require_admin();
  if p_waiting is null then
    raise exception 'waiting is true or false' using errcode = 'FW422';
  end if;
  select * into v_agent from public.agents where id = p_agent_id and retired_at is null and supervisor_id is not null for no key update;
  if v_agent.id is null then
    raise exception 'there is no such agent' using errcode = 'FW404';
  elsif p_waiting = (v_agent.setup_began_at is not null and v_agent.setup_ended_at is null) then
    return v_agent;
  elsif p_waiting then
    delete from public.setup_steps where agent_id = p_agent_id;
  end if;
  update public.agents set
    setup_began_at = case when p_waiting then pg_catalog.clock_timestamp() else setup_began_at end,
    setup_ended_at = case when not p_waiting then pg_catalog.clock_timestamp() end
  where id = p_agent_id returning * into v_agent;
  return v_agent;
end $$;
comment on function public.set_agent_setup(uuid, boolean) is
  'Called by an admin: begins or ends the time in which an agent''s interactions are tests. FW403, FW404, FW422 for neither true nor false.';
grant execute on function public.set_agent_setup(uuid, boolean) to authenticated;

create or replace view private.interaction_cards with (security_invoker=true) as
 select p.interaction_id as id,
    p.agent_id,
    p.xmin::text as version,
    p.started_at,
    p.phone_number,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.scores,
    p.feed,
    p.grants,
    p.caller,
    p.is_test
   from public.interaction_pulse p;
comment on view private.interaction_cards is
  'The active interaction on the card of its agent. The version changes with the row.';
grant select on private.interaction_cards to authenticated;

create or replace view private.interaction_rows with (security_invoker=true) as
 select p.interaction_id as id,
    a.name as agent_name,
    u.username,
    a.agent_type as interaction_type,
    p.started_at,
    p.phone_number,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.feed -> 0 as feed,
    jsonb_array_length(p.grants) as grants,
    p.caller,
    p.is_test
   from public.interaction_pulse p
     join public.agents a on a.id = p.agent_id
     join public.users u on u.id = p.supervisor_id;
comment on view private.interaction_rows is
  'An active interaction on the wallboard, with its newest feed line and the number of its grants.';
grant select on private.interaction_rows to authenticated;

create policy agent_config_itself on public.agent_config for select to agent_runtime
  using (agent_id = (select private.current_agent()));

create policy agent_config_visible on public.agent_config for select to authenticated
  using ((agent_id in ( select a.id
   from public.agents a)));

create policy agent_config_made_by_admin on public.agent_config for insert to authenticated
  with check ((select private.viewer_role()) = 'admin');

create policy agent_config_changed_by_admin on public.agent_config for update to authenticated
  using ((select private.viewer_role()) = 'admin')
  with check ((select private.viewer_role()) = 'admin');

create policy agent_config_deleted_by_admin on public.agent_config for delete to authenticated
  using ((select private.viewer_role()) = 'admin');

create trigger agent_config_30_touch before update on public.agent_config for each row
  execute function private.touch();

create trigger agent_config_50_version after insert or delete or update on public.agent_config for each row
  execute function private.keep_version();

create policy agent_keys_made_by_admin on public.agent_keys for insert to authenticated
  with check ((select private.viewer_role()) = 'admin');

create policy agent_keys_revoked_by_admin on public.agent_keys for update to authenticated
  using ((select private.viewer_role()) = 'admin')
  with check ((select private.viewer_role()) = 'admin');

create trigger agent_keys_10_make before insert on public.agent_keys for each row
  execute function private.make_agent_key();

create trigger agent_keys_11_revoke before update of revoked_at on public.agent_keys for each row
    when (old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at)
  execute function private.keep_revoked();

create trigger agent_keys_70_audit after insert or delete or update of revoked_at, name on public.agent_keys for each row
  execute function private.audit('name', 'hint', 'revoked_at');

create policy agent_tools_made_by_admin on public.agent_tools for insert to authenticated
  with check ((select private.viewer_role()) = 'admin');

create policy agent_tools_changed_by_admin on public.agent_tools for update to authenticated
  using ((select private.viewer_role()) = 'admin')
  with check ((select private.viewer_role()) = 'admin');

create policy agent_tools_deleted_by_admin on public.agent_tools for delete to authenticated
  using ((select private.viewer_role()) = 'admin');

create trigger agent_tools_10_mode before insert or update of mode, requires_permission on public.agent_tools for each row
  execute function private.agree_tool_mode();

create trigger agent_tools_50_version after insert or delete or update on public.agent_tools for each row
  execute function private.keep_version();

create trigger agent_tools_70_audit after insert or delete or update on public.agent_tools for each row
  execute function private.audit('tool_name', 'requires_permission', 'mode', 'undo_seconds', 'limit_argument', 'asks_above',
    'refuses_above', 'uses_per_interaction', 'secret_set_at');

create trigger agent_versions_70_audit after insert on public.agent_versions for each row
  execute function private.audit('version', 'note');

-- Templates and workers have no supervisor.
drop policy agents_visible on public.agents;
create policy agents_visible on public.agents for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[])
    or supervisor_id is null and (select private.viewer_role()) = 'admin');

create policy agents_made_by_admin on public.agents for insert to authenticated
  with check ((select private.viewer_role()) = 'admin');

-- Of these columns, agents_05_admins lets supervisors change the prompt alone.
create policy agents_changed on public.agents for update to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[])
    or supervisor_id is null and (select private.viewer_role()) = 'admin');

create trigger agents_05_admins before update of name, description, first_message, voice_provider, voice_id, voice_name,
    model_provider, model_name, language, interrupt_enabled, silence_threshold_seconds, mcp_tools on public.agents
    for each row
  execute function private.refuse_supervisors();

create trigger agents_06_creator before insert on public.agents for each row
  execute function private.name_creator();

create trigger agents_07_parent before insert or update of template_parent_id on public.agents for each row
    when (new.template_parent_id is not null)
  execute function private.check_parent();

create trigger agents_51_version_update after update of name, system_prompt, mcp_tools, description, first_message,
    voice_provider, voice_id, voice_name, model_provider, model_name, language, interrupt_enabled,
    silence_threshold_seconds on public.agents for each row
  execute function private.keep_version();

create trigger agents_63_ring_keys after update of retired_at, setup_began_at, setup_ended_at on public.agents
    for each row when (old.retired_at is distinct from new.retired_at
    or old.setup_began_at is distinct from new.setup_began_at or old.setup_ended_at is distinct from new.setup_ended_at)
  execute function private.ring_agent_keys();

create trigger agents_70_audit after insert or delete or update on public.agents for each row
  execute function private.audit('supervisor_id', 'name', 'agent_type', 'paused_at', 'retired_at', 'is_template', 'template_parent_id',
    'setup_began_at', 'setup_ended_at');

create or replace view private.interaction_heads with (security_invoker=true) as
 select i.id,
    i.status,
    i.interaction_type,
    i.phone_number,
    i.started_at,
    i.ended_at,
    i.duration_seconds,
    i.livekit_room_id,
    a.name as agent_name,
    u.username,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.grants,
    i.caller,
    i.called_number,
    i.end_reason,
    i.is_test,
    i.agent_id,
    i.agent_version
   from public.interactions i
     join public.agents a on a.id = i.agent_id
     join public.users u on u.id = i.supervisor_id
     left join public.interaction_pulse p on p.interaction_id = i.id;
comment on view private.interaction_heads is
  'The head of an interaction''s page.';
grant select on private.interaction_heads to authenticated;

create policy setup_steps_of_admin on public.setup_steps for select to authenticated
  using ((select private.viewer_role()) = 'admin');

create trigger setup_steps_60_ring after insert or update on public.setup_steps for each row
  execute function private.ring_setup();

create or replace view private.decision_cards with (security_invoker=true) as
 select t.id,
    t.tool_name,
    t.arguments::text as arguments,
    t.status,
    t.reason,
    t.responded_by_name,
    t.responded_at,
    t.executed_at,
    a.name as agent_name,
    t.rule
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id;
comment on view private.decision_cards is
  'The line of an answered tool permission.';
grant select on private.decision_cards to authenticated;

create or replace view public.supervisor_performance with (security_invoker=true) as
 select u.id as supervisor_id,
    u.name as supervisor_name,
    u.supervisor_type,
    coalesce(a.total_agents, 0::bigint) as total_agents,
    coalesce(a.completed, 0::numeric)::bigint as total_interactions,
    coalesce(i.active_interactions, 0::bigint) as active_interactions,
    a.csat / nullif(a.rated, 0::numeric) as avg_csat,
    a.resolution_seconds / nullif(a.resolutions, 0::numeric) as avg_resolution_time,
    a.fcr_true::double precision * 100::double precision / nullif(a.fcr_known, 0::numeric)::double precision as fcr_percentage
   from public.users u
     left join ( select g.supervisor_id,
            count(*) filter (where g.retired_at is null) as total_agents,
            sum(s.completed) as completed,
            sum(s.csat) as csat,
            sum(s.rated) as rated,
            sum(s.resolution_seconds) as resolution_seconds,
            sum(s.resolutions) as resolutions,
            sum(s.fcr_true) as fcr_true,
            sum(s.fcr_known) as fcr_known
           from public.agents g
             left join private.agent_sums s on s.agent_id = g.id
          group by g.supervisor_id) a on a.supervisor_id = u.id
     left join ( select interactions.supervisor_id,
            count(*) as active_interactions
           from public.interactions
          where interactions.status = 'active' and not interactions.is_test
          group by interactions.supervisor_id) i on i.supervisor_id = u.id
  where u.role = 'supervisor';
comment on view public.supervisor_performance is
  'One row per supervisor. Everything but active_interactions is over completed interactions. FCR is a share of those whose FCR is known.';
grant select on public.supervisor_performance to authenticated, service_role;

create trigger interactions_25_count_update after update of status, agent_id, supervisor_id, started_at, ended_at,
    is_test on public.interactions for each row when (old.is_test is distinct from new.is_test
    or old.status is distinct from new.status
    or old.agent_id is distinct from new.agent_id or old.supervisor_id is distinct from new.supervisor_id
    or old.started_at is distinct from new.started_at or old.ended_at is distinct from new.ended_at)
  execute function private.count_interaction();

-- The newest version of each agent is what the agent is now.
update public.agent_versions v set whole = private.agent_whole(v.agent_id)
from (select agent_id, pg_catalog.max(version) as version from public.agent_versions group by agent_id) newest
where v.agent_id = newest.agent_id and v.version = newest.version;

insert into private.pages (name, function) values ('setup', 'setup');
