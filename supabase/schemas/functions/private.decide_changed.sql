create function private.decide_changed(p_id uuid, p_status text, p_reason text, p_arguments_digest text, p_changed json, p_changed_digest text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
  v_refuses numeric;
begin
  if pg_catalog.json_typeof(p_changed) is distinct from 'object' then
    raise exception 'changed arguments are an object' using errcode = 'FW422';
  elsif pg_catalog.octet_length(p_changed::text) > 65536 then
    raise exception 'changed arguments have at most 32 kB' using errcode = 'FW422';
  elsif p_changed_digest is null or p_changed_digest !~ '^[0-9a-f]{64}$' then
    raise exception 'changed arguments carry their digest, a SHA-256 in hexadecimal' using errcode = 'FW422';
  end if;
  select d.* into v_row from private.decide_now(p_id, p_status, p_reason, p_arguments_digest, true) d;
  if v_row.id is null then
    return false;
  end if;
  -- What follows undoes the decision where it refuses the changes.
  if p_status = 'allowed' and not v_row.accepts_changes then
    raise exception 'the agent takes no changed arguments for this request: deny it, and propose them' using errcode = 'FW409';
  end if;
  select g.refuses_above into v_refuses from public.agent_tools g
  where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name) and private.tool_refuses(g, p_changed);
  if p_status = 'allowed' and found then
    raise exception 'the tool refuses these arguments: % is the most that it may use', v_refuses using errcode = 'FW422';
  end if;
  update public.tool_permissions t set
    changed_arguments = case when p_status = 'allowed' then p_changed end,
    changed_arguments_digest = case when p_status = 'allowed' then p_changed_digest end,
    proposed_arguments = case when p_status = 'denied' then p_changed end
  where t.id = p_id;
  return true;
exception when untranslatable_character or invalid_text_representation then  -- U+0000 in a text or a name
  raise exception 'changed arguments hold no U+0000' using errcode = 'FW422';
end $$;
comment on function private.decide_changed(uuid, text, text, text, json, text) is
  'The viewer''s decision with other arguments: an allow runs the tool with them, a denial proposes them. False when it was decided before, has expired or has other arguments. FW404, FW422 as decide_tool_permission; FW409 where the agent accepts no changes.';
grant execute on function private.decide_changed(uuid, text, text, text, json, text) to authenticated;
