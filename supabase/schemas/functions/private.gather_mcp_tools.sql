create function private.gather_mcp_tools() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent uuid := case when tg_op = 'DELETE' then old.agent_id else new.agent_id end;
begin
  update public.agents a set mcp_tools = t.tools
  from (select pg_catalog.jsonb_build_object('tools', coalesce(pg_catalog.jsonb_agg(
          pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('name', g.tool_name, 'description', g.description,
            'requires_permission', g.requires_permission, 'config', g.tool_config, 'input_schema', g.input_schema))
          order by g.tool_name collate "C"), '[]')) as tools
        from public.agent_tools g where g.agent_id = v_agent) t
  where a.id = v_agent and a.mcp_tools is distinct from t.tools;
  return null;
end $$;
comment on function private.gather_mcp_tools() is
  'Trigger: writes agent_tools into agents.mcp_tools.';
