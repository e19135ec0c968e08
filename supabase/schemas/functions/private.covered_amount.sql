create function private.covered_amount(p_grant public.tool_grants, p_asked public.tool_permissions, p_undo_seconds integer) returns numeric
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_first public.tool_permissions;
  v_amount numeric;
begin
  if p_grant.ended_at is not null or p_grant.expires_at <= p_asked.requested_at
     or not exists (select from public.users u where u.id = p_grant.granted_by and u.deactivated_at is null
       and (u.banned_until is null or u.banned_until <= p_asked.requested_at) and (u.role = 'admin' or u.id = p_asked.supervisor_id)) then
    return null;
  elsif p_grant.scope = 'any' then
    return case when p_undo_seconds = 0 then 0 end;
  end if;
  select * into v_first from public.tool_permissions where id = p_grant.permission_id;
  if p_grant.scope = 'exact' then
    return case when v_first.arguments_digest = p_asked.arguments_digest then 0 end;
  end if;
  v_amount := private.plain_amount(p_asked.arguments, p_grant.limit_argument);
  if v_amount is null or v_amount > p_grant.each_limit or p_grant.used_sum + v_amount > p_grant.sum_limit or exists (
    select from (select key, value::text from pg_catalog.json_each(p_asked.arguments)) a
    full join (select key, value::text from pg_catalog.json_each(v_first.arguments)) f using (key)
    where a.value is distinct from f.value and key <> p_grant.limit_argument and key <> all (p_grant.freed)) then
    return null;
  end if;
  return v_amount;
exception when data_exception then  -- a name that PostgreSQL cannot read, as one with U+0000
  return null;
end $$;
comment on function private.covered_amount(public.tool_grants, public.tool_permissions, integer) is
  'What this request adds to the sum of the grant (0 without a limit), or null when the grant does not cover it: also when its giver could not decide the request themselves any more.';
