create function public.save_alert_rule(p_id uuid, p_version integer, p_rule jsonb) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_admin uuid := private.require_admin();
  v_name text := (select u.name from public.users u where u.id = v_admin);
  v_rule public.alert_rules;
  v_known public.alert_rules;
begin
  if p_id is null or coalesce(pg_catalog.jsonb_typeof(p_rule), 'null') <> 'object' then
    raise exception 'a rule has an id and is an object' using errcode = 'FW422';
  end if;
  begin
    v_rule := pg_catalog.jsonb_populate_record(null::public.alert_rules, p_rule);
  exception when data_exception then
    raise exception 'amount and minutes are numbers, days are a list of 1 to 7, hours are as 08:00' using errcode = 'FW422';
  end;
  if not private.is_zone(v_rule.zone) then
    raise exception 'there is no time zone %', pg_catalog.left(coalesce(v_rule.zone, ''), 60) using errcode = 'FW422';
  end if;
  if v_rule.supervisor_id is not null
      and not exists (select from public.users u where u.id = v_rule.supervisor_id and u.role = 'supervisor') then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker alert rules', 0));
  select * into v_known from public.alert_rules where id = p_id for update;
  if v_known.id is null then
    if p_version <> 0 then
      raise exception 'there is no such rule' using errcode = 'FW404';
    elsif (select pg_catalog.count(*) from public.alert_rules where retired_at is null) >= 50 then
      raise exception 'there are 50 rules, which is the most: retire one first' using errcode = 'FW409';
    end if;
    insert into public.alert_rules (id, name, condition, amount, minutes, supervisor_id, days, from_time, until_time, zone, calls, changed_by, changed_by_name)
    values (p_id, pg_catalog.btrim(v_rule.name), v_rule.condition, v_rule.amount, v_rule.minutes, v_rule.supervisor_id, v_rule.days,
      v_rule.from_time, v_rule.until_time, v_rule.zone, v_rule.calls, v_admin, v_name);
    return p_id;
  elsif v_known.retired_at is not null then
    raise exception 'the rule was retired meanwhile' using errcode = 'FW409';
  end if;
  v_rule.name := pg_catalog.btrim(v_rule.name);
  if (v_known.name, v_known.condition, v_known.amount, v_known.minutes, v_known.supervisor_id, v_known.days, v_known.from_time,
      v_known.until_time, v_known.zone, v_known.calls)
    is not distinct from (v_rule.name, v_rule.condition, v_rule.amount, v_rule.minutes, v_rule.supervisor_id, v_rule.days, v_rule.from_time,
      v_rule.until_time, v_rule.zone, v_rule.calls) then
    return p_id;  -- twice the same click
  elsif v_known.version is distinct from p_version then
    raise exception 'the rule was changed meanwhile: look at it again' using errcode = 'FW409';
  end if;
  update public.alert_rules set name = v_rule.name, condition = v_rule.condition, amount = v_rule.amount, minutes = v_rule.minutes,
    supervisor_id = v_rule.supervisor_id, days = v_rule.days, from_time = v_rule.from_time, until_time = v_rule.until_time,
    zone = v_rule.zone, calls = v_rule.calls, version = version + 1, changed_at = pg_catalog.clock_timestamp(),
    changed_by = v_admin, changed_by_name = v_name
  where id = p_id;
  return p_id;
end $$;
comment on function public.save_alert_rule(uuid, integer, jsonb) is
  'An admin makes a rule (version 0, with an id of the caller''s, so that a repeated request makes one) or changes this version of it; what a change of a rule opened is closed. FW403, FW404, FW409, FW422.';
grant execute on function public.save_alert_rule(uuid, integer, jsonb) to authenticated;
