create function private.own_signals() returns table(sounds text[], notifications text[], quiet_from time, quiet_until time, zone text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(c.sounds, private.usual_signals(v.role)), coalesce(c.notifications, private.usual_signals(v.role)),
    c.quiet_from, c.quiet_until, c.zone
  from (select private.viewer_role() as role) v left join public.signal_choices c on c.user_id = private.viewer_id()
  where v.role is not null
$$;
comment on function private.own_signals() is
  'What the viewer has chosen, or what calls those who have chosen nothing; then the zone is null.';
grant execute on function private.own_signals() to authenticated;
