create function private.rule_applies(p_rule public.alert_rules, p_at timestamptz) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_local timestamp := p_at at time zone p_rule.zone;
  v_time time := v_local::time;
  v_day smallint := extract(isodow from v_local);
begin
  if p_rule.from_time is null then
    return v_day = any (p_rule.days);
  elsif p_rule.from_time < p_rule.until_time then
    return v_day = any (p_rule.days) and v_time >= p_rule.from_time and v_time < p_rule.until_time;
  end if;
  -- Over midnight: the early hours belong to the day before.
  return (v_time >= p_rule.from_time and v_day = any (p_rule.days))
    or (v_time < p_rule.until_time and (case v_day when 1 then 7 else v_day - 1 end) = any (p_rule.days));
end $$;
comment on function private.rule_applies(public.alert_rules, timestamptz) is
  'Whether this moment is on the days and in the hours of the rule, in its zone.';
