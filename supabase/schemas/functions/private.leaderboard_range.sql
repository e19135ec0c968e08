create function private.leaderboard_range(p_range text, p_from date, p_to date, p_time_zone text, out first_day date, out last_day date, out since timestamptz, out until timestamptz, out today date)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reach date;
begin
  if p_range is null or p_range not in ('today', 'month', 'last_month', 'dates') then
    raise exception 'unknown range %: today, month, last_month or dates', pg_catalog.left(p_range, 60) using errcode = 'FW422';
  elsif p_time_zone is null then
    raise exception 'a time zone is needed' using errcode = 'FW422';
  end if;
  begin
    today := (pg_catalog.now() at time zone p_time_zone)::date;
  exception when invalid_parameter_value then
    raise exception 'unknown time zone %', pg_catalog.left(p_time_zone, 60) using errcode = 'FW422';
  end;
  if p_range = 'today' then
    first_day := today;
    last_day := today;
  elsif p_range = 'month' then
    first_day := pg_catalog.date_trunc('month', today::timestamp)::date;
    last_day := today;
  elsif p_range = 'last_month' then
    first_day := (pg_catalog.date_trunc('month', today::timestamp) - interval '1 month')::date;
    last_day := pg_catalog.date_trunc('month', today::timestamp)::date - 1;
  else
    first_day := p_from;
    last_day := least(coalesce(p_to, today), today);
    v_reach := today - 397;  -- sums by quarters of an hour are kept for 400 days
    if p_from is null then
      raise exception 'a range needs its first day' using errcode = 'FW422';
    elsif p_from > today then
      raise exception 'the range begins in the future: today is % in %', today, p_time_zone using errcode = 'FW422';
    elsif p_from > last_day then
      raise exception 'the range ends before it begins' using errcode = 'FW422';
    elsif p_from < v_reach then
      raise exception 'the leaderboard reaches back to %', v_reach using errcode = 'FW422';
    end if;
  end if;
  since := first_day::timestamp at time zone p_time_zone;
  until := (last_day + 1)::timestamp at time zone p_time_zone;
  -- PostgreSQL also accepts arbitrary offsets, but all real ones are multiples of a quarter of an hour.
  if since <> pg_catalog.date_bin('15 minutes', since, '2000-01-01 00:00+00')
      or until <> pg_catalog.date_bin('15 minutes', until, '2000-01-01 00:00+00') then
    raise exception 'unknown time zone %', p_time_zone using errcode = 'FW422';
  end if;
end $$;
comment on function private.leaderboard_range(text, date, date, text) is
  'Days and moments of today, month (so far), last_month or dates (from one day until another, both included, at most 397 days ago) in a time zone. FW422 in words for anything else.';
grant execute on function private.leaderboard_range(text, date, date, text) to authenticated;
