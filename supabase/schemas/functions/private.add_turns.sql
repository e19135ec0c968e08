create function private.add_turns(p_interaction_id uuid, p_turns jsonb) returns setof text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_supervisor uuid;
  v_now timestamptz := pg_catalog.clock_timestamp();
  v_turn record;
  v_id bigint;
  v_known public.interaction_turns;
  v_replaced boolean := false;
begin
  if coalesce(pg_catalog.jsonb_typeof(p_turns), 'null') <> 'array' then
    raise exception 'turns are a list' using errcode = 'FW422';
  end if;
  -- Serialises two senders of one interaction, so that each finds what the other stored.
  select supervisor_id into v_supervisor from public.interactions
  where id = p_interaction_id and private.is_own(id) for key share;
  if not found then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('turns of ' || p_interaction_id::text, 0));
  for v_turn in
    select t.*, w.place from pg_catalog.jsonb_array_elements(p_turns) with ordinality as w (value, place)
    cross join lateral pg_catalog.jsonb_to_record(w.value) as t (captured_at timestamptz, speaker text, text text,
      external_id text, final boolean, interrupted boolean)
    order by w.place
  loop
    v_known := null;
    if v_turn.external_id is not null then
      select * into v_known from public.interaction_turns
      where interaction_id = p_interaction_id and external_id = v_turn.external_id;
    end if;
    if v_known.id is null then
      insert into public.interaction_turns (interaction_id, captured_at, speaker, text, external_id, final, interrupted)
      values (p_interaction_id, coalesce(v_turn.captured_at, v_now + v_turn.place * interval '1 microsecond'), v_turn.speaker,
        v_turn.text, v_turn.external_id, coalesce(v_turn.final, false), coalesce(v_turn.interrupted, false))
      on conflict on constraint interaction_turns_once do nothing returning id into v_id;
      return next case when found then 'stored' else 'duplicate' end;
    elsif (v_known.final and not coalesce(v_turn.final, false))
        or (v_known.text, v_known.speaker, v_known.final, v_known.interrupted)
          = (v_turn.text, v_turn.speaker, coalesce(v_turn.final, false), coalesce(v_turn.interrupted, false)) then
      return next 'duplicate';
    else
      -- A turn that grows keeps the moment of its first version.
      update public.interaction_turns set text = v_turn.text, speaker = v_turn.speaker,
        final = coalesce(v_turn.final, false), interrupted = coalesce(v_turn.interrupted, false)
      where id = v_known.id;
      v_replaced := true;
      return next 'replaced';
    end if;
  end loop;
  if v_replaced then
    v_now := pg_catalog.clock_timestamp();  -- no earlier than what was heard while this waited for the lock
    update public.interaction_pulse p set last_seen_at = v_now, silent_since = null,
      silent_until = case when p.silent_since is null then p.silent_until else v_now end
    where p.interaction_id = p_interaction_id;
    perform pg_catalog.pg_notify('floor', 'realtime_metrics:' || v_supervisor)
    from public.interaction_pulse where interaction_id = p_interaction_id and silent_until = v_now;
    perform pg_catalog.pg_notify('floor', 'interaction_turns:' || v_supervisor);
  end if;
end $$;
comment on function private.add_turns(uuid, jsonb) is
  'Stores turns [{captured_at, speaker, text, external_id, final, interrupted}] of the agent''s own interaction; stored, replaced or duplicate for each, in order. FW404, FW409, FW422.';
grant execute on function private.add_turns(uuid, jsonb) to agent_runtime;
