create function private.setting(p_name text) returns integer
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value integer;
begin
  select value into v_value from private.settings where name = p_name;
  if v_value is null then
    raise exception 'unknown setting %', p_name using errcode = 'FW422';
  end if;
  return v_value;
end $$;
comment on function private.setting(text) is
  'The value of one setting, in the unit of its name. FW422 for an unknown name.';
grant execute on function private.setting(text) to agent_runtime, authenticated, floorwalker_web, service_role;
