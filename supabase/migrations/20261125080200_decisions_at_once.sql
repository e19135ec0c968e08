-- What somebody waits for is one round trip: a decision with the card that follows it, and an agent's look at one. As
-- read_audiences() does, each becomes who asks, and sees no row but through their row-level security.

create function private.decide(p_claims text, p_id uuid, p_status text, p_reason text, p_for_interaction boolean)
returns table (won boolean, id uuid, tool_name text, status text, reason text, responded_by_name text,
  responded_at timestamptz, expires_at timestamptz, executed_at timestamptz, agent_name text)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_won boolean;
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  perform from public.decide_tool_permission(p_id, p_status, p_reason);
  v_won := found;
  if v_won and p_for_interaction then
    perform public.grant_tool(p_id);
  end if;
  return query
  select v_won, t.id, t.tool_name, t.status, t.reason, t.responded_by_name, t.responded_at, t.expires_at, t.executed_at, a.name
  from public.tool_permissions t join public.agents a on a.id = t.agent_id where t.id = p_id;
end $$;
comment on function private.decide(text, uuid, text, text, boolean) is
  'A person''s decision, for the rest of the interaction or once, and the card that follows it; won is false when it was decided before or has expired. Whose claims these are sees and decides only what is theirs: FW404, FW422 as decide_tool_permission.';
revoke all on function private.decide(text, uuid, text, text, boolean) from public;
grant execute on function private.decide(text, uuid, text, text, boolean) to floorwalker_web;

create function private.look_at_decision(p_claims text, p_id uuid) returns setof public.tool_permissions
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_catalog.set_config('role', 'agent_runtime', true), pg_catalog.set_config('request.jwt.claims', p_claims, true);
  return query select t.* from public.tool_permissions t where t.id = p_id;
end $$;
comment on function private.look_at_decision(text, uuid) is
  'A tool permission as the agent with these claims sees it: none when it is not theirs.';
revoke all on function private.look_at_decision(text, uuid) from public;
grant execute on function private.look_at_decision(text, uuid) to floorwalker_web;
