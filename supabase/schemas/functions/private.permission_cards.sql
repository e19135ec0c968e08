create function private.permission_cards(p_ids uuid[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if p_ids = '{}' then
    return '[]';
  end if;
  return (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'id', t.id, 'tool_name', t.tool_name, 'tool_description', t.tool_description, 'owner_description', g.description, 'arguments', t.arguments::text,
      'arguments_digest', t.arguments_digest, 'known_tool', t.known_tool, 'status', t.status, 'requested_at', t.requested_at,
      'expires_at', t.expires_at, 'held_by', t.held_by, 'held_by_name', t.held_by_name, 'held_until', t.held_until,
      'times_held', t.times_held, 'undo_seconds', g.undo_seconds,
      'interaction_id', t.interaction_id, 'agent_id', t.agent_id, 'agent_name', a.name, 'interaction_type', a.agent_type,
      'phone_number', i.phone_number, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
      'feed', coalesce(p.feed, '[]')) order by pg_catalog.array_position(p_ids, t.id)), '[]')
    from public.tool_permissions t
    join public.agents a on a.id = t.agent_id
    join public.interactions i on i.id = t.interaction_id
    left join public.agent_tools g on (g.agent_id, g.tool_name) = (t.agent_id, t.tool_name)
    left join public.interaction_pulse p on p.interaction_id = t.interaction_id
    where t.id = any (p_ids));
end $$;
comment on function private.permission_cards(uuid[]) is
  'Tool permissions with what their cards show, in this order, through the reader''s own row-level security.';
grant execute on function private.permission_cards(uuid[]) to authenticated;
