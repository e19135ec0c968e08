create function private.look_at_decision(p_claims text, p_id uuid) returns setof public.tool_permissions
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
begin
  perform pg_catalog.set_config('role', 'agent_runtime', true), pg_catalog.set_config('request.jwt.claims', p_claims, true);
  select * into v_row from public.tool_permissions t where t.id = p_id;
  if v_row.held_until <= pg_catalog.clock_timestamp() and private.settle_held_permissions(p_id) > 0 then
    select * into v_row from public.tool_permissions t where t.id = p_id;
  end if;
  if v_row.id is not null then
    return next v_row;
  end if;
end $$;
comment on function private.look_at_decision(text, uuid) is
  'A tool permission as the agent with these claims sees it: none when it is not theirs.';
grant execute on function private.look_at_decision(text, uuid) to floorwalker_web;
