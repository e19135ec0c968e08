create function public.choose_signals(p_sounds text[], p_notifications text[], p_quiet_from time, p_quiet_until time, p_zone text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.viewer_role() is null then
    raise exception 'only people choose what calls them' using errcode = 'FW403';
  elsif p_sounds is null or p_notifications is null or pg_catalog.cardinality(p_sounds) > 5 or pg_catalog.cardinality(p_notifications) > 5
      or not (p_sounds || p_notifications) <@ '{request,critical,silent,half,ending}'::text[] then
    raise exception 'a signal is request, critical, silent, half or ending, and each is chosen once' using errcode = 'FW422';
  elsif (p_quiet_from is null) <> (p_quiet_until is null) or p_quiet_from = p_quiet_until or '24:00' in (p_quiet_from, p_quiet_until) then
    raise exception 'quiet hours have a beginning and another end, or neither' using errcode = 'FW422';
  elsif not private.is_zone(p_zone) then
    raise exception 'there is no such time zone' using errcode = 'FW422';
  end if;
  insert into public.signal_choices as c (user_id, sounds, notifications, quiet_from, quiet_until, zone)
  values (private.viewer_id(), p_sounds, p_notifications, p_quiet_from, p_quiet_until, p_zone)
  on conflict (user_id) do update set sounds = excluded.sounds, notifications = excluded.notifications,
    quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until, zone = excluded.zone, changed_at = excluded.changed_at;
end $$;
comment on function public.choose_signals(text[], text[], time, time, text) is
  'The viewer chooses which signals sound and which notify, and their quiet hours by the clock of a time zone. FW403, FW422.';
grant execute on function public.choose_signals(text[], text[], time, time, text) to authenticated;
