create function private.agent_whole(p_agent_id uuid) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_build_object('name', a.name, 'description', a.description, 'system_prompt', a.system_prompt,
    'first_message', a.first_message, 'voice_provider', a.voice_provider, 'voice_id', a.voice_id, 'voice_name', a.voice_name,
    'model_provider', a.model_provider, 'model_name', a.model_name, 'language', a.language,
    'interrupt_enabled', a.interrupt_enabled, 'silence_threshold_seconds', a.silence_threshold_seconds,
    'tools', (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('tool_name', t.tool_name, 'description', t.description,
        'input_schema', t.input_schema, 'tool_config', t.tool_config, 'mode', t.mode, 'undo_seconds', t.undo_seconds,
        'idempotent', t.idempotent, 'limit_argument', t.limit_argument, 'asks_above', t.asks_above,
        'refuses_above', t.refuses_above, 'uses_per_interaction', t.uses_per_interaction)
        order by t.tool_name collate "C"), '[]')
      from public.agent_tools t where t.agent_id = a.id),
    'config', (
      select coalesce(pg_catalog.jsonb_object_agg(c.config_key, c.config_value), '{}')
      from public.agent_config c where c.agent_id = a.id))
  from public.agents a where a.id = p_agent_id
$$;
comment on function private.agent_whole(uuid) is
  'Everything that an agent consists of, without secrets and keys: a version of it. Null for no agent.';
