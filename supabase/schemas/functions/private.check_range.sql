create function private.check_range(p_since timestamptz, p_until timestamptz) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_since is null or p_until is null or not pg_catalog.isfinite(p_since) or not pg_catalog.isfinite(p_until) then
    raise exception 'a range needs its first and its last moment' using errcode = 'FW422';
  elsif p_since >= p_until then
    raise exception 'the range ends before it begins' using errcode = 'FW422';
  elsif p_since > pg_catalog.now() then
    raise exception 'the range begins in the future' using errcode = 'FW422';
  elsif p_since < pg_catalog.now() - interval '399 days' then
    raise exception 'the leaderboard reaches back 397 days' using errcode = 'FW422';
  elsif p_since <> pg_catalog.date_bin('15 minutes', p_since, '2000-01-01 00:00+00')
      or p_until <> pg_catalog.date_bin('15 minutes', p_until, '2000-01-01 00:00+00') then
    raise exception 'a range begins and ends at a quarter of an hour' using errcode = 'FW422';
  end if;
end $$;
comment on function private.check_range(timestamptz, timestamptz) is
  'FW422 for a range that the sums cannot answer.';
