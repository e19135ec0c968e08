create function private.decide(p_claims text, p_id uuid, p_status text, p_reason text, p_for_interaction boolean) returns table(won boolean, id uuid, tool_name text, status text, reason text, responded_by_name text, responded_at timestamptz, expires_at timestamptz, executed_at timestamptz, agent_name text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_won boolean;
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  if p_for_interaction then
    raise exception 'a standing approval says what it covers, which this version does not know: restart the server with the new one' using errcode = 'FW409';
  end if;
  -- That server's pages send no digest. The arguments of a request never change, so its id says as much.
  perform from public.decide_tool_permission(p_id, p_status, p_reason,
    coalesce((select t.arguments_digest from public.tool_permissions t where t.id = p_id), ''));
  v_won := found;
  return query
  select v_won, t.id, t.tool_name, t.status, t.reason, t.responded_by_name, t.responded_at, t.expires_at, t.executed_at, a.name
  from public.tool_permissions t join public.agents a on a.id = t.agent_id where t.id = p_id;
end $$;
comment on function private.decide(text, uuid, text, text, boolean) is
  'A person''s decision as the server of the release before decide_v2 asks for it: it stays for one release. FW404, FW422 as decide_tool_permission; FW409 for the rest of the interaction.';
grant execute on function private.decide(text, uuid, text, text, boolean) to floorwalker_web;
