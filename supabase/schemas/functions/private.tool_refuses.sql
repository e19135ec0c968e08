create function private.tool_refuses(p_tool public.agent_tools, p_arguments json) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((p_tool).mode = 'refused'
    or private.limited_amount(p_arguments, (p_tool).limit_argument) > (p_tool).refuses_above, false)
$$;
comment on function private.tool_refuses(public.agent_tools, json) is
  'Whether the tool is refused as it is now, by its mode or for this amount.';
