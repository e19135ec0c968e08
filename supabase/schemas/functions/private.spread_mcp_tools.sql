create function private.spread_mcp_tools() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.pg_trigger_depth() > 1 then
    return null;
  end if;
  delete from public.agent_tools where agent_id = new.id
    and tool_name not in (select t ->> 'name' from pg_catalog.jsonb_array_elements(coalesce(new.mcp_tools -> 'tools', '[]')) t);
  insert into public.agent_tools (agent_id, tool_name, description, tool_config, input_schema, requires_permission)
  select distinct on (t ->> 'name') new.id, t ->> 'name', t ->> 'description', t -> 'config', t -> 'input_schema',
         coalesce((t ->> 'requires_permission')::boolean, false)
  from pg_catalog.jsonb_array_elements(coalesce(new.mcp_tools -> 'tools', '[]')) t
  on conflict (agent_id, tool_name) do update set description = excluded.description,
    tool_config = excluded.tool_config, input_schema = excluded.input_schema,
    -- A tool that is there keeps asking, or being refused, where the JSON does not say otherwise.
    requires_permission = case when excluded.tool_name = any (array(
        select t ->> 'name' from pg_catalog.jsonb_array_elements(new.mcp_tools -> 'tools') t where t ->> 'requires_permission' is not null))
      then excluded.requires_permission else agent_tools.requires_permission end;
  return null;
end $$;
comment on function private.spread_mcp_tools() is
  'Trigger: writes agents.mcp_tools into agent_tools.';
