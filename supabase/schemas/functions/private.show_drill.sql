create function private.show_drill(p_drill private.drills) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case when (p_drill).outcome is null then
    pg_catalog.to_jsonb(pg_catalog.jsonb_populate_record(null::private.tool_permission_cards, pg_catalog.jsonb_build_object(
      'id', (p_drill).id, 'tool_name', (p_drill).tool_name, 'tool_description', (p_drill).tool_description, 'owner_description', g.description,
      'arguments', (p_drill).arguments::text, 'arguments_digest', (p_drill).arguments_digest, 'known_tool', (p_drill).known_tool,
      'status', 'pending', 'requested_at', (p_drill).created_at, 'expires_at', (p_drill).expires_at, 'times_held', 0,
      'undo_seconds', g.undo_seconds, 'interaction_id', i.id, 'agent_id', i.agent_id, 'agent_name', a.name, 'interaction_type', a.agent_type,
      'phone_number', p.phone_number, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score, 'feed', coalesce(p.feed, '[]'),
      'caller', p.caller, 'is_test', false, 'last_arguments', (p_drill).last_arguments::text, 'last_allowed_at', (p_drill).last_allowed_at,
      'grants', p.grants, 'accepts_changes', false, 'usual_amount', (p_drill).usual_amount)))
  else
    pg_catalog.to_jsonb(pg_catalog.jsonb_populate_record(null::private.decision_cards, pg_catalog.jsonb_build_object(
      'id', (p_drill).id, 'tool_name', (p_drill).tool_name, 'arguments', '{}', 'status',
      case (p_drill).outcome when 'caught' then 'denied' when 'allowed' then 'allowed' when 'missed' then 'timeout' else 'cancelled' end,
      'responded_by_name', case when (p_drill).outcome in ('caught', 'allowed') then u.username end, 'responded_at', (p_drill).ended_at,
      'agent_name', a.name, 'changed', false, 'proposed', false)))
    || pg_catalog.jsonb_build_object('drill', (p_drill).outcome, 'why', (p_drill).why) end
  from public.interactions i join public.agents a on a.id = i.agent_id join public.users u on u.id = (p_drill).supervisor_id
  left join public.interaction_pulse p on p.interaction_id = i.id
  left join public.agent_tools g on g.agent_id = i.agent_id and g.tool_name = (p_drill).tool_name
  where i.id = (p_drill).interaction_id
$$;
comment on function private.show_drill(private.drills) is
  'A drill as a card shows it: while it waits, a row of private.tool_permission_cards and nothing more; then one of private.decision_cards with drill (the outcome) and why.';
