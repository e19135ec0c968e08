create function private.period_start(p_period text, p_time_zone text) returns timestamp with time zone
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_start timestamptz;
begin
  if p_period is null or p_period not in ('today', 'month') then
    raise exception 'unknown period %: today or month', p_period using errcode = 'FW422';
  end if;
  if p_time_zone is null then
    raise exception 'a time zone is needed' using errcode = 'FW422';
  end if;
  begin
    v_start := pg_catalog.date_trunc(case p_period when 'today' then 'day' else 'month' end,
      pg_catalog.now() at time zone p_time_zone) at time zone p_time_zone;
  exception when invalid_parameter_value then
    raise exception 'unknown time zone %', p_time_zone using errcode = 'FW422';
  end;
  -- PostgreSQL also accepts arbitrary offsets, but all real ones are multiples of a quarter of an hour.
  if v_start <> pg_catalog.date_bin('15 minutes', v_start, '2000-01-01 00:00+00') then
    raise exception 'unknown time zone %', p_time_zone using errcode = 'FW422';
  end if;
  return v_start;
end $$;
comment on function private.period_start(text, text) is
  'Start of today or of this month in a time zone; FW422 for anything else.';
