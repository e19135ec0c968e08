create function private.replace_tools(p_agent_id uuid, p_tools jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.agent_tools where agent_id = p_agent_id
    and tool_name not in (select t ->> 'tool_name' from pg_catalog.jsonb_array_elements(p_tools) t);
  insert into public.agent_tools as g (agent_id, tool_name, description, input_schema, tool_config, mode, requires_permission,
    undo_seconds, idempotent, limit_argument, asks_above, refuses_above, uses_per_interaction)
  select p_agent_id, r.tool_name, r.description, nullif(r.input_schema, 'null'), nullif(r.tool_config, 'null'), r.mode,
    r.mode in ('asks', 'refused'), r.undo_seconds, r.idempotent, r.limit_argument, r.asks_above, r.refuses_above, r.uses_per_interaction
  from pg_catalog.jsonb_populate_recordset(null::public.agent_tools, p_tools) r
  on conflict (agent_id, tool_name) do update set description = excluded.description, input_schema = excluded.input_schema,
    tool_config = excluded.tool_config, mode = excluded.mode, requires_permission = excluded.requires_permission,
    undo_seconds = excluded.undo_seconds, idempotent = excluded.idempotent, limit_argument = excluded.limit_argument,
    asks_above = excluded.asks_above, refuses_above = excluded.refuses_above, uses_per_interaction = excluded.uses_per_interaction,
    sealed_secret = case when g.tool_config ->> 'endpoint' is not distinct from excluded.tool_config ->> 'endpoint' then g.sealed_secret end,
    secret_set_at = case when g.tool_config ->> 'endpoint' is not distinct from excluded.tool_config ->> 'endpoint' then g.secret_set_at end
  where (g.description, g.input_schema, g.tool_config, g.mode, g.undo_seconds, g.idempotent, g.limit_argument, g.asks_above,
      g.refuses_above, g.uses_per_interaction)
    is distinct from (excluded.description, excluded.input_schema, excluded.tool_config, excluded.mode, excluded.undo_seconds,
      excluded.idempotent, excluded.limit_argument, excluded.asks_above, excluded.refuses_above, excluded.uses_per_interaction);
end $$;
comment on function private.replace_tools(uuid, jsonb) is
  'Makes these the tools of an agent, in the form of a version. Tools that keep their endpoint keep their secret.';
