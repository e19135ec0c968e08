create function private.open_tool_permission() returns trigger
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
