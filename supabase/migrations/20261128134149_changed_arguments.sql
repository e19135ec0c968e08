-- A person may allow a request with other arguments, where the agent accepts changes, or propose them with a denial.

alter table public.tool_permissions
  add column accepts_changes boolean not null default false,
  add column changed_arguments json,
  add column changed_arguments_digest text,
  add column proposed_arguments json;
comment on column public.tool_permissions.accepts_changes is
  'Whether the agent runs the tool with other arguments where a person changes them.';
comment on column public.tool_permissions.changed_arguments is
  'The arguments that a person allowed instead; the execution is claimed with their digest alone.';
comment on column public.tool_permissions.proposed_arguments is
  'The arguments that a person proposed with a denial.';

alter table public.tool_permissions add constraint tool_permissions_changed check ((changed_arguments is null) = (changed_arguments_digest is null)
  and (changed_arguments is null or accepts_changes and (status = 'allowed' or held_until is not null))) not valid;
alter table public.tool_permissions add constraint tool_permissions_proposed check (proposed_arguments is null or status = 'denied') not valid;
-- squawk-ignore constraint-missing-not-valid -- the columns are new, and empty in every row
alter table public.tool_permissions validate constraint tool_permissions_changed;
-- squawk-ignore constraint-missing-not-valid -- the columns are new, and empty in every row
alter table public.tool_permissions validate constraint tool_permissions_proposed;
comment on constraint tool_permissions_changed on public.tool_permissions is
  'only an allow has changed arguments, with their digest, where the agent accepts changes';
comment on constraint tool_permissions_proposed on public.tool_permissions is
  'only a denial has proposed arguments';

grant insert (accepts_changes) on public.tool_permissions to agent_runtime;

create or replace function private.decide_changed(p_id uuid, p_status text, p_reason text, p_arguments_digest text, p_changed json, p_changed_digest text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
  v_refuses numeric;
begin
  if pg_catalog.json_typeof(p_changed) is distinct from 'object' then
    raise exception 'changed arguments are an object' using errcode = 'FW422';
  elsif pg_catalog.octet_length(p_changed::text) > 65536 then
    raise exception 'changed arguments have at most 32 kB' using errcode = 'FW422';
  elsif p_changed_digest is null or p_changed_digest !~ '^[0-9a-f]{64}$' then
    raise exception 'changed arguments carry their digest, a SHA-256 in hexadecimal' using errcode = 'FW422';
  end if;
  select d.* into v_row from private.decide_now(p_id, p_status, p_reason, p_arguments_digest, true) d;
  if v_row.id is null then
    return false;
  end if;
  -- What follows undoes the decision where it refuses the changes.
  if p_status = 'allowed' and not v_row.accepts_changes then
    raise exception 'the agent takes no changed arguments for this request: deny it, and propose them' using errcode = 'FW409';
  end if;
  select g.refuses_above into v_refuses from public.agent_tools g
  where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name) and private.tool_refuses(g, p_changed);
  if p_status = 'allowed' and found then
    raise exception 'the tool refuses these arguments: % is the most that it may use', v_refuses using errcode = 'FW422';
  end if;
  update public.tool_permissions t set
    changed_arguments = case when p_status = 'allowed' then p_changed end,
    changed_arguments_digest = case when p_status = 'allowed' then p_changed_digest end,
    proposed_arguments = case when p_status = 'denied' then p_changed end
  where t.id = p_id;
  return true;
exception when untranslatable_character or invalid_text_representation then  -- U+0000 in a text or a name
  raise exception 'changed arguments hold no U+0000' using errcode = 'FW422';
end $$;
comment on function private.decide_changed(uuid, text, text, text, json, text) is
  'The viewer''s decision with other arguments: an allow runs the tool with them, a denial proposes them. False when it was decided before, has expired or has other arguments. FW404, FW422 as decide_tool_permission; FW409 where the agent accepts no changes.';
grant execute on function private.decide_changed(uuid, text, text, text, json, text) to authenticated;

create or replace function private.decide_v3(p_claims text, p_id uuid, p_status text, p_reason text, p_arguments_digest text, p_changed json, p_changed_digest text) returns table(won boolean, expired boolean, card jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  won := private.decide_changed(p_id, p_status, p_reason, p_arguments_digest, p_changed, p_changed_digest);
  card := private.permission_card(p_id);
  expired := card ->> 'status' = 'pending' and card ->> 'held_until' is null
    and (card ->> 'expires_at')::timestamptz <= pg_catalog.clock_timestamp();
  return next;
end $$;
comment on function private.decide_v3(text, uuid, text, text, text, json, text) is
  'A person''s decision with changed arguments, and the card that follows it, as decide_v2. FW404, FW409, FW422 as decide_changed.';
grant execute on function private.decide_v3(text, uuid, text, text, text, json, text) to floorwalker_web;

create or replace function private.forget(p_interaction_ids uuid[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  update public.interactions set anonymised_at = pg_catalog.now(), phone_number = null, caller = null, called_number = null,
    livekit_room_id = null, external_id = null, series = null
  where id = any (p_interaction_ids) and status <> 'active' and anonymised_at is null;
  update public.tool_permissions set arguments = '{}', reason = null, execution_result = null, tool_description = null,
    changed_arguments = case when changed_arguments is not null then '{}'::json end, proposed_arguments = null
  where interaction_id = any (p_interaction_ids)
    and (arguments::text <> '{}' or reason is not null or execution_result is not null or tool_description is not null
      or changed_arguments::text <> '{}' or proposed_arguments is not null);
  update public.realtime_metrics set feed_text = null
  where interaction_id = any (p_interaction_ids) and feed_text is not null;
  delete from public.interaction_turns where interaction_id = any (p_interaction_ids);
  delete from public.webhook_deliveries where interaction_id = any (p_interaction_ids);
$$;
comment on function private.forget(uuid[]) is
  'Removes numbers, callers, names of rooms, transcripts, feed lines, deliveries, descriptions and arguments of ended interactions; who decided what, when and the digest stay.';

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
    new.changed_arguments := old.changed_arguments;
    new.proposed_arguments := old.proposed_arguments;
    if pg_catalog.to_jsonb(new) - 'supervisor_response' <> pg_catalog.to_jsonb(old) - 'supervisor_response' then  -- generated later
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
    new.arguments := '{}';
    new.reason := null;
    new.execution_result := null;
    new.tool_description := null;
    new.changed_arguments := case when old.changed_arguments is not null then '{}'::json end;
    new.proposed_arguments := null;
    return new;
  end if;

  if (new.interaction_id, new.tool_name, new.arguments::text, new.arguments_digest, new.requested_at, new.expires_at)
     is distinct from (old.interaction_id, old.tool_name, old.arguments::text, old.arguments_digest, old.requested_at, old.expires_at) then
    raise exception 'a tool permission''s request does not change' using errcode = 'FW409';
  end if;

  -- A person's changes come with the decision, or right after it in its transaction, and stay as they are.
  if (old.changed_arguments is not null or old.proposed_arguments is not null or old.executed_at is not null)
     and (new.changed_arguments::text, new.changed_arguments_digest, new.proposed_arguments::text)
       is distinct from (old.changed_arguments::text, old.changed_arguments_digest, old.proposed_arguments::text) then
    raise exception 'what was decided does not change' using errcode = 'FW409';
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
    new.changed_arguments := null;
    new.changed_arguments_digest := null;
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
    if new.status <> 'allowed' then
      new.changed_arguments := null;
      new.changed_arguments_digest := null;
    end if;
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

create or replace function private.refuse_open_requests() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update public.tool_permissions t set status = 'denied', rule = 'refused', responded_at = pg_catalog.clock_timestamp(),
    reason = 'The tool was refused while the request was open.'
  where t.agent_id = new.agent_id and t.tool_name = new.tool_name and t.status = 'pending' and private.tool_refuses(new, coalesce(t.changed_arguments, t.arguments));
  return null;
end $$;
comment on function private.refuse_open_requests() is
  'Trigger: a tool became refused, by its mode or a lower limit; its open requests are denied, also those whose allow is held.';

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
  elsif v_row.changed_arguments is not null and v_row.arguments_digest = p_arguments_digest then
    raise exception 'a person changed the arguments: run the tool with changed_arguments, and claim with changed_arguments_digest' using errcode = 'FW409';
  elsif coalesce(v_row.changed_arguments_digest, v_row.arguments_digest) is distinct from p_arguments_digest then
    raise exception 'these are not the arguments that were allowed, do not run the tool' using errcode = 'FW409';
  elsif exists (select from public.agent_tools g
      where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name) and private.tool_refuses(g, coalesce(v_row.changed_arguments, v_row.arguments))) then
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
    coalesce(p.is_test, false) as is_test,
    coalesce(l.changed_arguments, l.arguments)::text as last_arguments,
    l.responded_at as last_allowed_at,
    p.grants,
    t.accepts_changes
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id
     left join public.agent_tools g on g.agent_id = t.agent_id and g.tool_name = t.tool_name
     left join public.interaction_pulse p on p.interaction_id = t.interaction_id
     left join public.tool_permissions l on l.id = t.compared_with and l.arguments::text <> '{}';
comment on view private.tool_permission_cards is
  'The card of a pending tool permission. The arguments are text, exactly as they were sent.';
grant select on private.tool_permission_cards to authenticated;

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
    t.rule,
    t.changed_arguments is not null as changed,
    t.proposed_arguments is not null as proposed
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id;
comment on view private.decision_cards is
  'The line of an answered tool permission.';
grant select on private.decision_cards to authenticated;

create or replace view private.decision_rows with (security_invoker=true) as
 select t.id,
    t.requested_at,
    t.responded_at,
    t.expires_at,
    t.tool_name,
    t.arguments::text as arguments,
    t.arguments_digest,
    t.status,
    t.rule,
    t.reason,
    t.responded_by_name,
    t.grant_id,
    t.grant_use,
    case
      when t.execution_succeeded then 'succeeded'
      when not t.execution_succeeded then 'failed'
      when t.executed_at is not null then 'started'
      when t.status = 'allowed' then 'not' end as executed,
    t.executed_at,
    t.interaction_id,
    t.agent_id,
    a.name as agent_name,
    t.supervisor_id,
    u.username,
    i.phone_number,
    i.caller,
    i.is_test,
    i.anonymised_at,
    t.changed_arguments::text as changed_arguments,
    t.proposed_arguments::text as proposed_arguments,
    t.execute_before
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id
     join public.users u on u.id = t.supervisor_id
     join public.interactions i on i.id = t.interaction_id;
comment on view private.decision_rows is
  'A tool permission in the history, with its agent, supervisor and customer.';
grant select on private.decision_rows to authenticated;
