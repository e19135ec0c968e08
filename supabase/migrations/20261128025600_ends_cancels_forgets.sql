-- An agent takes back what it asked, says why it ended, and closes late what was reaped; forgetting takes feed lines and descriptions.

alter table public.interactions
  add column end_reason text,
  add column reaped_at timestamptz,
  -- squawk-ignore constraint-missing-not-valid -- the column is new and empty
  add constraint interactions_end_reason_check check (length(end_reason) >= 1 and length(end_reason) <= 100);
comment on column public.interactions.end_reason is
  'Why it ended, in a word of the provider or of ours: completed, handed_over, disconnected, timeout, voicemail ….';
comment on constraint interactions_end_reason_check on public.interactions is
  'end_reason has 1 to 100 characters';
comment on column public.interactions.reaped_at is
  'When it was failed because nothing was heard of it; its agent may still say once how it really ended.';
grant update (end_reason) on public.interactions to agent_runtime;

create or replace function private.cancel_permission(p_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_status text;
begin
  select status into v_status from public.tool_permissions
  where id = p_id and agent_id = private.current_agent() for no key update;
  if not found then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif v_status = 'pending' then
    update public.tool_permissions set status = 'cancelled', responded_at = pg_catalog.clock_timestamp() where id = p_id;
  elsif v_status <> 'cancelled' then
    raise exception 'the tool permission is already %', v_status using errcode = 'FW409';
  end if;
end $$;
comment on function private.cancel_permission(uuid) is
  'The agent takes back what it asked; again is no error. FW404, FW409 when it is decided or has expired.';
grant execute on function private.cancel_permission(uuid) to agent_runtime;

create or replace function private.end_interaction() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if old.status = 'failed' and new.status = 'completed' and old.reaped_at is not null then
    new.reaped_at := null;  -- closed late by its provider, once; it ended when it was reaped
    new.ended_at := old.ended_at;
  elsif old.status <> 'active' and new.status is distinct from old.status then
    raise exception 'the interaction already ended as %', old.status using errcode = 'FW409';
  end if;
  if old.status = 'active' and new.status <> 'active' then
    -- The agent before the change, as when an interaction starts: the two never wait for one another crosswise.
    perform from public.agents where id = old.agent_id for no key update;
    new.ended_at := greatest(coalesce(new.ended_at, pg_catalog.clock_timestamp()), new.started_at);
  end if;
  return new;
end $$;
comment on function private.end_interaction() is
  'Trigger: an interaction ends once, but one that was reaped may still be completed; sets ended_at. FW409 for a second, different end.';

create or replace function private.forget(p_interaction_ids uuid[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  update public.interactions set anonymised_at = pg_catalog.now(), phone_number = null, livekit_room_id = null,
    external_id = null, series = null
  where id = any (p_interaction_ids) and status <> 'active' and anonymised_at is null;
  update public.tool_permissions set arguments = '{}', reason = null, execution_result = null, tool_description = null
  where interaction_id = any (p_interaction_ids)
    and (arguments::text <> '{}' or reason is not null or execution_result is not null or tool_description is not null);
  update public.realtime_metrics set feed_text = null
  where interaction_id = any (p_interaction_ids) and feed_text is not null;
  delete from public.interaction_turns where interaction_id = any (p_interaction_ids);
$$;
comment on function private.forget(uuid[]) is
  'Removes numbers, names of rooms, transcripts, feed lines, descriptions and arguments of ended interactions; who decided what, when and the digest stay.';

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
    -- Forgotten: the words go, and nothing else changes.
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
    -- Its time stands still meanwhile, and so nobody who reads the row takes it for expired.
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
    if v_held and new.status <> 'cancelled' and (new.status <> 'allowed' or new.responded_by is distinct from old.held_by) then
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
    -- However long the writer's window to execute is, it begins now.
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
  'Trigger: one decision before expiry and one execution within its window, each judged and stored at one moment, of what was asked; an allow that is held changes only by its giver, its time or the end; words go when the interaction is forgotten. FW409 otherwise, whoever writes.';

create or replace function private.keep_ended() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.claim('key_id') is not null and (new.livekit_room_id is distinct from old.livekit_room_id
      or old.ended_at < pg_catalog.clock_timestamp() - interval '10 minutes' or old.anonymised_at is not null) then
    raise exception 'the interaction has ended' using errcode = 'FW409';
  end if;
  return new;
end $$;
comment on function private.keep_ended() is
  'Trigger: of an ended interaction an agent changes the number alone, for ten minutes. FW409.';

create or replace function private.reap_interactions() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_silence interval := pg_catalog.make_interval(secs => private.setting('reap_seconds'));
  v_before timestamptz := pg_catalog.clock_timestamp() - v_silence;
  v_id uuid;
  v_count integer := 0;
begin
  for v_id in
    -- What else is heard from an interaction is heard in its pulse, metrics above all; asking for a tool counts too.
    select p.interaction_id from public.interaction_pulse p
    where p.last_seen_at < v_before
      and not exists (select from public.tool_permissions t where t.interaction_id = p.interaction_id
        and (t.status = 'pending' or t.responded_at > v_before))
    order by p.last_seen_at limit 50
  loop
    -- In the order in which an interaction ends: itself, then its pulse; heard of meanwhile, it lives.
    perform from public.interactions where id = v_id and status = 'active' for no key update skip locked;
    continue when not found;
    perform from public.interaction_pulse where interaction_id = v_id and last_seen_at < v_before for update;
    continue when not found;
    -- Nothing can be asked once the pulse is locked; what was asked until then is seen only now.
    v_before := pg_catalog.clock_timestamp() - v_silence;
    continue when exists (select from public.tool_permissions t where t.interaction_id = v_id
      and (t.status = 'pending' or t.responded_at > v_before));
    update public.interactions set status = 'failed', end_reason = 'disconnected', reaped_at = pg_catalog.clock_timestamp() where id = v_id;
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;
comment on function private.reap_interactions() is
  'Fails at most 50 active interactions not heard of for reap_seconds; how many.';
grant execute on function private.reap_interactions() to service_role;

create trigger interactions_70_audit after update of status on public.interactions for each row
    when (old.status <> 'active' and old.status is distinct from new.status)
  execute function private.audit('status', 'end_reason');
