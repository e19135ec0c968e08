create function private.keep_version() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent uuid := case when tg_table_name = 'agents' then pg_catalog.to_jsonb(new) ->> 'id'
    when tg_op = 'DELETE' then pg_catalog.to_jsonb(old) ->> 'agent_id' else pg_catalog.to_jsonb(new) ->> 'agent_id' end;
  v_whole jsonb;
  v_tools jsonb;
  v_last public.agent_versions;
  v_person public.users;
begin
  -- Of two changes at once, the second waits, and its version has both.
  perform from public.agents where id = v_agent for no key update;
  v_whole := private.agent_whole(v_agent);
  v_tools := (select a.mcp_tools from public.agents a where a.id = v_agent);
  select * into v_last from public.agent_versions where agent_id = v_agent order by version desc limit 1;
  if v_whole is null or v_whole = v_last.whole and v_tools is not distinct from v_last.mcp_tools then
    return null;
  elsif v_last.created_at = pg_catalog.now() then  -- tools are written one by one, and are one change
    update public.agent_versions set name = v_whole ->> 'name', system_prompt = v_whole ->> 'system_prompt', mcp_tools = v_tools,
      whole = v_whole where id = v_last.id;
    return null;
  end if;
  select * into v_person from public.users where id = private.viewer_id();
  insert into public.agent_versions (agent_id, version, name, system_prompt, mcp_tools, whole, created_by, actor, note)
  values (v_agent, coalesce(v_last.version, 0) + 1, v_whole ->> 'name', v_whole ->> 'system_prompt', v_tools, v_whole, v_person.id,
    coalesce(v_person.username, v_person.name, nullif(pg_catalog.current_setting('role', true), 'none'), session_user),
    pg_catalog.left(nullif(pg_catalog.current_setting('floorwalker.note', true), ''), 200));
  return null;
end $$;
comment on function private.keep_version() is
  'Trigger of an agent, its tools and its configuration: what changed becomes the agent''s newest version, with the note of the setting floorwalker.note.';
