create function public.allow_with_grant(p_id uuid, p_arguments_digest text, p_scope text, p_uses integer, p_minutes integer, p_argument text default null::text, p_each numeric default null::numeric, p_sum numeric default null::numeric, p_freed text[] default '{}'::text[], p_reason text default null::text) returns setof public.tool_permissions
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
  v_freed text[] := coalesce(p_freed, '{}');
begin
  if p_scope is null or p_scope not in ('exact', 'limit', 'any') then
    raise exception 'a standing approval is for exactly these arguments, for a number up to a limit, or for any arguments: exact, limit or any' using errcode = 'FW422';
  elsif p_uses is null or p_uses not between 1 and 100 then
    raise exception 'a standing approval has 1 to 100 uses' using errcode = 'FW422';
  elsif p_minutes is null or p_minutes not between 1 and 480 then
    raise exception 'a standing approval lasts 1 to 480 minutes' using errcode = 'FW422';
  elsif p_scope = 'limit' and (p_argument is null or p_each is null or p_sum is null) then
    raise exception 'a limit has the name of an argument, the most that it may be each time, and the most that it may come to in all' using errcode = 'FW422';
  elsif pg_catalog.length(p_argument) > 200 or exists (select from pg_catalog.unnest(v_freed) f where pg_catalog.length(f) > 200) then
    raise exception 'the name of an argument with more than 200 characters is for no standing approval' using errcode = 'FW422';
  elsif p_scope = 'limit' and not (p_each between 0 and 1e15 and p_sum between 0 and 1e15) then
    raise exception 'a limit is a number from 0 to 1000000000000000' using errcode = 'FW422';
  elsif p_scope <> 'limit' and (p_argument is not null or p_each is not null or p_sum is not null or v_freed <> '{}') then
    raise exception 'only a limit has an argument and numbers' using errcode = 'FW422';
  end if;
  select * into v_row from private.decide_now(p_id, 'allowed', p_reason, p_arguments_digest, false);
  if v_row.id is null then
    return;
  end if;
  if p_scope = 'any' and exists (select from public.agent_tools g
      where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name) and g.undo_seconds > 0) then
    raise exception 'an allow of % can be taken back: a standing approval of it is never for any arguments', v_row.tool_name using errcode = 'FW422';
  elsif p_scope = 'limit' and private.plain_amount(v_row.arguments, p_argument) is null then
    raise exception 'the request has no argument % that is a plain number', p_argument using errcode = 'FW422';
  elsif p_argument = any (v_freed) or exists (select from pg_catalog.unnest(v_freed) f
      where f is null or f not in (select pg_catalog.json_object_keys(v_row.arguments))) then
    raise exception 'only other arguments of the request may differ' using errcode = 'FW422';
  end if;
  update public.tool_grants set ended_at = pg_catalog.clock_timestamp(), ended_how = 'replaced', ended_by = v_row.responded_by,
    ended_by_name = v_row.responded_by_name
  where interaction_id = v_row.interaction_id and tool_name = v_row.tool_name and ended_at is null;
  insert into public.tool_grants (interaction_id, supervisor_id, tool_name, granted_by, granted_by_name, created_at, permission_id, scope,
    limit_argument, each_limit, sum_limit, freed, max_uses, expires_at)
  values (v_row.interaction_id, v_row.supervisor_id, v_row.tool_name, v_row.responded_by, v_row.responded_by_name, v_row.responded_at, v_row.id,
    p_scope, p_argument, p_each, p_sum, v_freed, p_uses, v_row.responded_at + pg_catalog.make_interval(mins => p_minutes));
  return next v_row;
end $$;
comment on function public.allow_with_grant(uuid, text, text, integer, integer, text, numeric, numeric, text[], text) is
  'Allows the request with these arguments at once, and gives a standing approval of its tool in its interaction: so many uses after this one, for so many minutes, in the scope that tool_grants.scope explains; it replaces another one of the tool. The row, or none when nothing was decided, as with decide_tool_permission. FW404, FW422 in words.';
grant execute on function public.allow_with_grant(uuid, text, text, integer, integer, text, numeric, numeric, text[], text) to authenticated;
