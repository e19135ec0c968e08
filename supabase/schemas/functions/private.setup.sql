create function private.setup(p_arguments jsonb) returns jsonb
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
