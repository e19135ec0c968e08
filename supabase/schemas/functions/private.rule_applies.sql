create function private.rule_applies(p_rule public.alert_rules, p_at timestamptz) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_local timestamp := p_at at time zone p_rule.zone;
begin
  -- Over midnight: the early hours belong to the day before.
  if p_rule.from_time >= p_rule.until_time and v_local::time < p_rule.until_time then
    v_local := v_local - interval '1 day';
  end if;
  return extract(isodow from v_local) = any (p_rule.days)
    and private.in_hours(p_rule.from_time, p_rule.until_time, p_rule.zone, p_at) is not false;
end $$;
comment on function private.rule_applies(public.alert_rules, timestamptz) is
  'Whether this moment is on the days and in the hours of the rule, in its zone.';
