create function private.configure_v2(p_initial jsonb, p_fixed jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_given record;
  v_setting private.settings;
begin
  if coalesce(pg_catalog.jsonb_typeof(p_initial), 'null') <> 'object' or coalesce(pg_catalog.jsonb_typeof(p_fixed), 'null') <> 'object' then
    raise exception 'settings are {name: number or text}' using errcode = 'FW422';
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker settings', 0));
  for v_given in select e.key, e.value from pg_catalog.jsonb_each_text(p_initial) e union all
      select e.key, e.value from pg_catalog.jsonb_each_text(p_fixed) e order by 1 loop
    select * into v_setting from private.settings where name = v_given.key;
    if v_setting.name is null then
      raise exception 'unknown setting %', pg_catalog.left(v_given.key, 100) using errcode = 'FW422';
    end if;
    perform private.setting_fits(v_setting, v_given.value);
  end loop;
  update private.settings s set initial = coalesce(p_initial ->> s.name, s.initial), fixed_to = p_fixed ->> s.name
  where s.initial is distinct from coalesce(p_initial ->> s.name, s.initial) or s.fixed_to is distinct from p_fixed ->> s.name;
  perform private.settle_settings(null);
end $$;
comment on function private.configure_v2(jsonb, jsonb) is
  'What a web process knows at its start, {name: number or text}: the defaults, and what its environment fixes. The last one that started counts. FW422 for an unknown name or value.';
grant execute on function private.configure_v2(jsonb, jsonb) to floorwalker_web;
