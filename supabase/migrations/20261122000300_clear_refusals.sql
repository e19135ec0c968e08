-- Every function answers bad input in words and with a state of its own: FW403 not yours to do, FW404 unknown or
-- another's, FW409 not in this state, FW422 what was sent cannot be used.

create or replace function private.setting(p_name text) returns integer
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_value integer;
begin
  select value into v_value from private.settings where name = p_name;
  if v_value is null then
    raise exception 'unknown setting %', p_name using errcode = 'FW422';
  end if;
  return v_value;
end $$;
comment on function private.setting(text) is 'The value of one setting, in the unit of its name. FW422 for an unknown name.';

create or replace function private.configure(p_values jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_one record;
begin
  if coalesce(pg_catalog.jsonb_typeof(p_values), 'null') <> 'object' then
    raise exception 'settings are {name: number}' using errcode = 'FW422';
  end if;
  for v_one in select e.key, e.value from pg_catalog.jsonb_each_text(p_values) e order by e.key loop
    perform private.setting(v_one.key);
    if coalesce(v_one.value !~ '^[1-9][0-9]{0,8}$', true) then
      raise exception '% is a whole number from 1 to 999999999, not %', v_one.key, v_one.value using errcode = 'FW422';
    end if;
    update private.settings set value = v_one.value::integer where name = v_one.key and value <> v_one.value::integer;
  end loop;
end $$;
comment on function private.configure(jsonb) is 'Writes the settings of the web process, {name: number}. FW422 for an unknown name or no number.';

-- A claim that is no uuid is nobody's.
create or replace function private.current_agent() returns uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select k.agent_id from public.agent_keys k join public.agents a on a.id = k.agent_id
  where k.id = (select case when c ~ '^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$' then c::uuid end from private.claim('key_id') c)
    and k.revoked_at is null and a.retired_at is null
$$;

create or replace function public.set_agent_paused(p_agent_id uuid, p_paused boolean) returns public.agents
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_agent public.agents;
begin
  if p_paused is null then
    raise exception 'paused is true or false' using errcode = 'FW422';
  end if;
  update public.agents set paused_at = case when p_paused then coalesce(paused_at, pg_catalog.now()) end
  where id = p_agent_id and retired_at is null
    and supervisor_id = any (array(select private.visible_supervisors()))
  returning * into v_agent;
  if v_agent.id is null then
    raise exception 'there is no such agent' using errcode = 'FW404';
  end if;
  return v_agent;
end $$;
comment on function public.set_agent_paused(uuid, boolean) is
  'Pauses or resumes one of the viewer''s agents; a running interaction goes on. FW404 when it is not theirs, FW422 for neither true nor false.';

create or replace function public.decide_tool_permission(p_id uuid, p_status text, p_reason text default null)
returns setof public.tool_permissions
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_status is null or p_status not in ('allowed', 'denied') then
    raise exception 'a decision is allowed or denied' using errcode = 'FW422';
  elsif pg_catalog.length(p_reason) > 1000 then
    raise exception 'a reason has at most 1000 characters' using errcode = 'FW422';
  end if;
  perform from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors()));
  if not found then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  -- A grant that follows refers to the interaction: before the permission, as whoever removes or moves it.
  perform from public.interactions
  where id = (select interaction_id from public.tool_permissions where id = p_id) for key share;
  return query
  update public.tool_permissions t set status = p_status,
    responded_at = pg_catalog.clock_timestamp(), responded_by = u.id,
    responded_by_name = coalesce(u.username, u.name),
    reason = nullif(pg_catalog.btrim(p_reason), ''),
    execute_before = case when p_status = 'allowed' then pg_catalog.clock_timestamp()
      + pg_catalog.make_interval(secs => private.setting('execute_seconds')) end
  from public.users u
  where t.id = p_id and u.id = private.viewer_id() and t.status = 'pending'
    and t.expires_at > pg_catalog.clock_timestamp()
    and t.supervisor_id = any (array(select private.visible_supervisors()))
  returning t.*;
end $$;
comment on function public.decide_tool_permission(uuid, text, text) is
  'The viewer''s decision (allowed or denied): the row, or none when it was decided before or has expired. FW404 when it is not theirs, FW422 for another word or a reason over 1000 characters.';

create or replace function public.grant_tool(p_permission_id uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_permission public.tool_permissions;
begin
  -- Whoever moves or deletes the interaction at this moment comes first.
  perform from public.interactions
  where id = (select interaction_id from public.tool_permissions where id = p_permission_id) for key share;
  select * into v_permission from public.tool_permissions
  where id = p_permission_id and supervisor_id = any (array(select private.visible_supervisors()));
  if v_permission.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  if v_permission.status = 'allowed' and v_permission.responded_by = private.viewer_id() then
    insert into public.tool_grants (interaction_id, supervisor_id, tool_name, granted_by, granted_by_name)
    values (v_permission.interaction_id, v_permission.supervisor_id, v_permission.tool_name,
      v_permission.responded_by, v_permission.responded_by_name)
    on conflict on constraint tool_grants_once do nothing;
  elsif not exists (select from public.tool_grants g
    where (g.interaction_id, g.tool_name) = (v_permission.interaction_id, v_permission.tool_name)) then
    raise exception 'only who allowed a tool can allow it for the rest of the interaction' using errcode = 'FW409';
  end if;
end $$;
comment on function public.grant_tool(uuid) is
  'Allows the tool of a permission that the viewer has just allowed for the rest of its interaction. FW404 when it is not theirs, FW409 when they have not.';

create or replace function public.report_execution(p_id uuid, p_execution_id uuid, p_succeeded boolean, p_result jsonb)
returns setof public.tool_permissions
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_succeeded is null then
    raise exception 'succeeded is true or false' using errcode = 'FW422';
  elsif pg_catalog.octet_length(p_result::text) > 262144 then
    raise exception 'a result has at most 256 KiB' using errcode = 'FW422';
  end if;
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
comment on function public.report_execution(uuid, uuid, boolean, jsonb) is
  'How the claimed execution went; the same report again is accepted. FW404 when it is not the agent''s, FW409 when it was not claimed, FW422 for no outcome or a result over 256 KiB.';

create or replace function public.calculate_performance_score(p_supervisor_id uuid, p_period varchar default 'month') returns numeric
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if private.viewer_role() is null and pg_catalog.current_setting('role', true) is distinct from 'service_role' then
    raise exception 'only supervisors and admins see scores' using errcode = 'FW403';
  end if;
  perform private.period_start(p_period, 'UTC');
  if not exists (select from public.users where id = p_supervisor_id and role = 'supervisor') then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  end if;
  return (select s.score from private.scores(p_period, 'UTC') s where s.supervisor_id = p_supervisor_id);
end $$;
comment on function public.calculate_performance_score(uuid, varchar) is
  'One supervisor''s score 0..100 for today or month (UTC); null without an interaction in it. FW403, FW404, FW422.';

create or replace function private.record_metrics(
  p_agent_ids uuid[], p_interaction_ids uuid[], p_captured_at timestamptz[],
  p_sentiments text[], p_scores numeric[], p_feed_texts text[]
) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_rows integer := coalesce(pg_catalog.cardinality(p_interaction_ids), 0);
begin
  if (pg_catalog.cardinality(p_agent_ids), pg_catalog.cardinality(p_captured_at), pg_catalog.cardinality(p_sentiments),
      pg_catalog.cardinality(p_scores), pg_catalog.cardinality(p_feed_texts))
     is distinct from (v_rows, v_rows, v_rows, v_rows, v_rows) then
    raise exception 'a metric has one value in each of the arrays' using errcode = 'FW422';
  end if;
  -- In everybody's order. An interaction that is being ended keeps its pulse until we are done, or has lost it before
  -- we start; one that is being moved or deleted is waited for.
  perform from public.interactions where id = any (p_interaction_ids) order by id for key share;
  perform from public.interaction_pulse
  where interaction_id = any (p_interaction_ids) order by interaction_id for no key update;
  return query
  with sent as materialized (
    select s.*, (s.agent_id is not null and s.interaction_id is not null and pg_catalog.isfinite(s.captured_at)
        and coalesce(s.sentiment in ('good', 'neutral', 'critical'), true) and coalesce(s.score between 0 and 100, true)
        and coalesce(pg_catalog.length(s.feed_text) <= 500, true)) is true as sound
    from rows from (pg_catalog.unnest(p_agent_ids), pg_catalog.unnest(p_interaction_ids),
      pg_catalog.unnest(p_captured_at), pg_catalog.unnest(p_sentiments), pg_catalog.unnest(p_scores),
      pg_catalog.unnest(p_feed_texts)) with ordinality
      as s (agent_id, interaction_id, captured_at, sentiment, score, feed_text, n)
  ), stored as (
    insert into public.realtime_metrics as r (interaction_id, timestamp, sentiment, satisfaction_score, feed_text)
    select s.interaction_id, s.captured_at, s.sentiment, s.score, s.feed_text
    from sent s join public.interaction_pulse p on p.interaction_id = s.interaction_id and p.agent_id = s.agent_id
    where s.sound
    order by s.n
    on conflict on constraint realtime_metrics_once do nothing
    returning r.interaction_id, r.timestamp
  )
  select case
    when not s.sound then 'invalid'
    when t.interaction_id is not null then 'stored'
    when p.interaction_id is not null then 'duplicate'
    when i.id is not null then 'ended'
    else 'unknown' end
  from sent s
  left join (select distinct on (x.interaction_id, x.captured_at) x.interaction_id, x.captured_at, x.n
             from sent x join public.interaction_pulse o on o.interaction_id = x.interaction_id and o.agent_id = x.agent_id
             join stored y on y.interaction_id = x.interaction_id and y.timestamp = x.captured_at
             where x.sound order by x.interaction_id, x.captured_at, x.n) t on t.n = s.n
  left join public.interaction_pulse p on p.interaction_id = s.interaction_id and p.agent_id = s.agent_id
  left join public.interactions i on i.id = s.interaction_id and i.agent_id = s.agent_id
  order by s.n;
end $$;
comment on function private.record_metrics(uuid[], uuid[], timestamptz[], text[], numeric[], text[]) is
  'Stores one metric an array index; answers stored, duplicate, ended, unknown or invalid for each, in order. FW422 for arrays of different lengths.';

create or replace function private.open_web_session(p_token_hash bytea, p_user_id uuid, p_access bytea, p_refresh bytea,
  p_expires_at timestamptz, p_user_agent text, p_address text) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_id uuid;
begin
  if pg_catalog.octet_length(p_token_hash) is distinct from 32 or p_access is null or p_refresh is null or p_expires_at is null then
    raise exception 'a session has a sha256, two tokens and an end' using errcode = 'FW422';
  end if;
  insert into private.web_sessions (token_hash, user_id, access_token, refresh_token, expires_at, user_agent, address)
  select p_token_hash, u.id, p_access, p_refresh, p_expires_at, pg_catalog.left(p_user_agent, 400), pg_catalog.left(p_address, 64)
  from public.users u
  where u.id = p_user_id and u.deactivated_at is null and (u.banned_until is null or u.banned_until <= pg_catalog.now())
  returning id into v_id;
  return v_id;
end $$;
comment on function private.open_web_session(bytea, uuid, bytea, bytea, timestamptz, text, text) is
  'The new session''s id; null for somebody who has no rights here. FW422 for what is no session.';

create or replace function private.renew_web_session(p_id uuid, p_access bytea, p_refresh bytea, p_expires_at timestamptz) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_access is null or p_refresh is null or p_expires_at is null then
    raise exception 'a session has two tokens and an end' using errcode = 'FW422';
  end if;
  update private.web_sessions set access_token = p_access, refresh_token = p_refresh, expires_at = p_expires_at,
    last_seen_at = pg_catalog.now() where id = p_id;
end $$;
comment on function private.renew_web_session(uuid, bytea, bytea, timestamptz) is 'Keeps the tokens of a refresh; nothing when the session ended meanwhile. FW422.';

create or replace function private.claim_idempotency_key(p_key text, p_digest bytea)
returns table (status integer, response jsonb)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_agent uuid := private.current_agent();
  v_known private.idempotency_keys;
begin
  if v_agent is null then
    raise exception 'this key is revoked' using errcode = 'FW403';
  elsif coalesce(pg_catalog.length(p_key), 0) not between 1 and 255 or p_digest is null then
    raise exception 'an Idempotency-Key has 1 to 255 characters' using errcode = 'FW422';
  end if;
  delete from private.idempotency_keys
  where agent_id = v_agent and key = p_key and created_at < pg_catalog.now() - interval '24 hours';
  insert into private.idempotency_keys (agent_id, key, request_digest) values (v_agent, p_key, p_digest)
  on conflict do nothing;
  if found then
    return;
  end if;
  select * into v_known from private.idempotency_keys where agent_id = v_agent and key = p_key;
  if v_known.request_digest <> p_digest then
    raise exception 'this Idempotency-Key was used with a different request' using errcode = 'FW422';
  end if;
  return query select v_known.status, v_known.response;
end $$;
comment on function private.claim_idempotency_key(text, bytea) is
  'The answer given before, or no row: go on and keep yours. FW403 for a revoked key, FW422 when the request differs or the key is none.';

create or replace function private.keep_idempotent_answer(p_key text, p_status integer, p_response jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update private.idempotency_keys set status = p_status, response = p_response
  where agent_id = private.current_agent() and key = p_key;
  if not found then
    raise exception 'this Idempotency-Key was not claimed' using errcode = 'FW409';
  end if;
end $$;
comment on function private.keep_idempotent_answer(text, integer, jsonb) is 'Keeps the answer of the request that claimed the key. FW409 when none did.';

create or replace function private.issue_tags(p_tags jsonb) returns text[]
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce(pg_catalog.array_agg(distinct e ->> 'tag'), '{}')
  from pg_catalog.jsonb_array_elements(
    case when pg_catalog.jsonb_typeof(p_tags -> 'issues') = 'array' then p_tags -> 'issues' else '[]' end) e
$$;
comment on function private.issue_tags(jsonb) is 'The issue tags of an archive''s tags; none of what has another shape.';
