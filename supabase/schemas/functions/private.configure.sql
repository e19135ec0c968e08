create function private.configure(p_values jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_one record;
begin
  if coalesce(pg_catalog.jsonb_typeof(p_values), 'null') <> 'object' then
    raise exception 'settings are {name: number}' using errcode = 'FW422';
  end if;
  for v_one in select e.key, e.value from pg_catalog.jsonb_each_text(p_values) e order by e.key loop
    perform private.setting(v_one.key);
    if coalesce(v_one.value !~ '^[1-9][0-9]{0,8}$', true) then
      raise exception '% is a whole number from 1 to 999999999, not %', v_one.key, v_one.value using errcode = 'FW422';
    end if;
    update private.settings set value = v_one.value::integer where name = v_one.key and value <> v_one.value::integer;
  end loop;
end $$;
comment on function private.configure(jsonb) is
  'Of the last release: writes the settings of the web process, {name: number}. FW422 for an unknown name or no number.';
grant execute on function private.configure(jsonb) to floorwalker_web;
