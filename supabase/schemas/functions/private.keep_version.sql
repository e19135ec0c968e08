create function private.keep_version() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_last public.agent_versions;
begin
  select * into v_last from public.agent_versions where agent_id = new.id order by version desc limit 1;
  if v_last.created_at = pg_catalog.now() then  -- tools are written one by one, and are one change
    update public.agent_versions set name = new.name, system_prompt = new.system_prompt, mcp_tools = new.mcp_tools where id = v_last.id;
  else
    insert into public.agent_versions (agent_id, version, name, system_prompt, mcp_tools, created_by)
    values (new.id, coalesce(v_last.version, 0) + 1, new.name, new.system_prompt, new.mcp_tools,
      (select u.id from public.users u where u.id = private.viewer_id()));
  end if;
  return null;
end $$;
comment on function private.keep_version() is
  'Trigger: an agent''s new name, prompt or tools become its newest version.';
