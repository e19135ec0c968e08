create function private.guard_tool_permission() returns trigger
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
    elsif (new.responded_at, new.responded_by, new.responded_by_name, new.reason, new.execute_before, new.held_at)
          is distinct from (old.responded_at, old.responded_by, old.responded_by_name, old.reason, old.execute_before, old.held_at) then
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
    new.held_at := v_now;
  elsif new.status = 'pending' and v_held and new.held_until is null then  -- and taken back
    if old.held_until <= v_now then
      raise exception 'it was allowed, and can no longer be taken back' using errcode = 'FW409';
    end if;
    new.expires_at := old.expires_at - (old.held_until - v_now);
    new.held_at := null;
    new.changed_arguments := null;
    new.changed_arguments_digest := null;
  elsif new.status = 'pending' then
    if (new.held_decision, new.held_by, new.held_by_name, new.held_reason, new.held_until, new.times_held, new.held_at)
       is distinct from (old.held_decision, old.held_by, old.held_by_name, old.held_reason, old.held_until, old.times_held, old.held_at) then
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
    new.held_at := case when v_held and new.status = 'allowed' then old.held_at end;
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
