create function private.floor(p_arguments jsonb) returns json
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
  v_known jsonb := p_arguments -> 'known';
  v_asked uuid[];
  v_pending json;
  v_answered json;
  v_more bigint := 0;
begin
  if p_arguments -> 'urgent' is distinct from 'false' or v_known ->> 'asked' is distinct from 'nothing' then
    select w.ids, w.more into v_asked, v_more from private.waiting_in_turn(array[v_supervisor], 50) w;
    v_asked := coalesce(v_asked, '{}') || array(
      select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status <> 'pending'
        and t.rule is null and t.responded_at > pg_catalog.now() - interval '10 minutes'
        order by t.responded_at desc limit 5);
  end if;
  if v_asked <> '{}' then
    select
      pg_catalog.json_agg(pg_catalog.json_build_object(
        'id', t.id, 'tool_name', t.tool_name, 'tool_description', t.tool_description, 'owner_description', g.description, 'arguments', t.arguments::text,
        'arguments_digest', t.arguments_digest, 'known_tool', t.known_tool, 'status', t.status, 'requested_at', t.requested_at,
        'expires_at', t.expires_at, 'held_by', t.held_by, 'held_by_name', t.held_by_name, 'held_until', t.held_until,
        'times_held', t.times_held, 'undo_seconds', g.undo_seconds,
        'interaction_id', t.interaction_id, 'agent_id', t.agent_id, 'agent_name', a.name, 'interaction_type', a.agent_type,
        'phone_number', p.phone_number, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
        'feed', coalesce(p.feed, '[]')) order by pg_catalog.array_position(v_asked, t.id)) filter (where t.status = 'pending'),
      pg_catalog.json_agg(pg_catalog.json_build_object(
        'id', t.id, 'tool_name', t.tool_name, 'arguments', t.arguments::text, 'status', t.status, 'reason', t.reason,
        'responded_by_name', t.responded_by_name, 'responded_at', t.responded_at, 'executed_at', t.executed_at,
        'agent_name', a.name) order by t.responded_at desc) filter (where t.status <> 'pending')
    into v_pending, v_answered
    from public.tool_permissions t
    join public.agents a on a.id = t.agent_id
    left join public.agent_tools g on (g.agent_id, g.tool_name) = (t.agent_id, t.tool_name)
    left join public.interaction_pulse p on p.interaction_id = t.interaction_id
    where t.id = any (v_asked);
  end if;
  return pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(
        case when r.mark = v_known ->> a.id::text then pg_catalog.json_build_object('id', a.id, 'mark', r.mark)
        else pg_catalog.json_build_object(
          'id', a.id, 'mark', r.mark, 'name', a.name, 'agent_type', a.agent_type, 'status', a.status, 'paused_at', a.paused_at,
          'interaction', case when p.interaction_id is not null then pg_catalog.json_build_object(
            'id', p.interaction_id, 'started_at', p.started_at, 'phone_number', p.phone_number,
            'last_seen_at', p.last_seen_at, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
            'scores', p.scores, 'feed', p.feed, 'grants', p.grants) end,
          'last', case when p.interaction_id is null then (
            select pg_catalog.json_build_object('ended_at', l.ended_at, 'status', l.status, 'csat_score', c.csat_score)
            from public.interactions l left join public.interaction_archives c on c.interaction_id = l.id
            where l.agent_id = a.id and l.status <> 'active' order by l.ended_at desc limit 1) end) end order by a.slot), '[]')
      from public.agents a
      left join public.interaction_pulse p on p.agent_id = a.id
      cross join lateral (select case when p.interaction_id is not null then a.xmin::text || ' ' || p.xmin::text end as mark) r
      where a.supervisor_id = v_supervisor and a.retired_at is null),
    'tool_permissions', coalesce(v_pending, '[]'),
    'more', v_more,
    'answered', coalesce(v_answered, '[]'));
end $$;
comment on function private.floor(jsonb) is
  'A supervisor''s floor {supervisor_id, known: {agent''s id: mark, asked: nothing}, urgent}, through the reader''s own row-level security; of an agent whose mark is known only id and mark, and no tool permissions where it is known that there are none and urgent is false. FW422 for what is no id.';
grant execute on function private.floor(jsonb) to authenticated;
