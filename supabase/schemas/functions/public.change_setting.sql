create function public.change_setting(p_name text, p_value text, p_seen text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_admin uuid := private.require_admin();
  v_setting private.settings;
  v_other integer;
begin
  -- Two admins that change one at once come one after the other.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker settings', 0));
  select * into v_setting from private.settings where name = p_name and (highest is not null or words is not null);
  if v_setting.name is null then
    raise exception 'there is no such setting' using errcode = 'FW404';
  elsif v_setting.fixed_to is not null then
    raise exception 'the environment of the server fixes %, so it is changed there', pg_catalog.upper(p_name) using errcode = 'FW409';
  elsif v_setting.chosen is not distinct from p_value then
    return;  -- twice the same click
  elsif coalesce(v_setting.value::text, v_setting.words) is distinct from p_seen then
    raise exception 'it was changed meanwhile: look at it again' using errcode = 'FW409';
  end if;
  if p_value is not null then
    perform private.setting_fits(v_setting, p_value);
    if v_setting.value is not null and p_value::integer not between v_setting.lowest and v_setting.highest then
      raise exception 'it is a whole number from % to %', v_setting.lowest, v_setting.highest using errcode = 'FW422';
    end if;
  end if;
  v_other := private.setting(case p_name when 'metrics_hours' then 'archive_days' when 'archive_days' then 'metrics_hours'
    when 'stale_seconds' then 'reap_seconds' when 'reap_seconds' then 'stale_seconds' else 'archive_days' end);
  case p_name
    when 'metrics_hours' then
      if coalesce(p_value, v_setting.initial)::integer > 24 * v_other then
        raise exception 'metrics are not kept longer than archives, which is % hours now', 24 * v_other using errcode = 'FW422';
      end if;
    when 'archive_days' then
      if 24 * coalesce(p_value, v_setting.initial)::integer < v_other then
        raise exception 'archives are kept as long as metrics at least, which is % hours now', v_other using errcode = 'FW422';
      end if;
    when 'stale_seconds' then
      if coalesce(p_value, v_setting.initial)::integer >= v_other then
        raise exception 'an agent is silent before its interaction fails, which is after % seconds now', v_other using errcode = 'FW422';
      end if;
    when 'reap_seconds' then
      if coalesce(p_value, v_setting.initial)::integer <= v_other then
        raise exception 'an interaction fails later than its agent is silent, which is after % seconds now', v_other using errcode = 'FW422';
      end if;
    else null;
  end case;
  update private.settings set chosen = p_value where name = p_name;
  perform private.settle_settings(v_admin);
end $$;
comment on function public.change_setting(text, text, text) is
  'An admin chooses the value of a setting, or with null the initial one again, if p_seen is the one that holds. FW403, FW404, FW409 also for one that the environment fixes, FW422.';
grant execute on function public.change_setting(text, text, text) to authenticated;
