-- Only for people with a push subscription: without one the first part finds nobody. A page has the first seconds to give a
-- signal itself; one that is two minutes old calls nobody any more (the server was stopped, or the network was).
create function private.due_signals() returns table(user_id uuid, signal text, subject_id uuid, since timestamptz, at timestamptz,
  ends_at timestamptz, agent_id uuid, tool_name text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  with people as (
    select u.id, u.role, coalesce(c.notifications, private.usual_signals(u.role)) as notifications, c.quiet_from, c.quiet_until, c.zone
    from public.users u left join public.signal_choices c on c.user_id = u.id
    where u.id in (select s.user_id from public.push_subscriptions s)
      and u.deactivated_at is null and (u.banned_until is null or u.banned_until <= pg_catalog.now())
  ), requests as (
    select p.id as user_id, t.id, t.requested_at, t.expires_at, t.agent_id, t.tool_name
    from people p join public.tool_permissions t on t.supervisor_id = p.id
    where p.role = 'supervisor' and t.status = 'pending' and t.held_until is null and t.expires_at > pg_catalog.clock_timestamp()
    union all
    select p.id, t.id, t.requested_at, t.expires_at, t.agent_id, t.tool_name
    from people p cross join public.tool_permissions t
    where p.role = 'admin' and t.status = 'pending' and t.held_until is null and t.expires_at > pg_catalog.clock_timestamp()
    union all
    select p.id, d.id, d.created_at, d.expires_at, i.agent_id, d.tool_name
    from people p join private.drills d on d.supervisor_id = p.id join public.interactions i on i.id = d.interaction_id
    where d.outcome is null and d.expires_at > pg_catalog.clock_timestamp() and private.drill_stands(d)
  ), all_of_them as (
    select r.user_id, e.signal, r.id as subject_id, r.requested_at as since, e.at, r.expires_at as ends_at, r.agent_id, r.tool_name, e.until
    from requests r cross join lateral (
      select r.requested_at + (r.expires_at - r.requested_at) / 2 as half, greatest(r.requested_at, r.expires_at - interval '30 s') as ending) m
    cross join lateral (values ('request', r.requested_at, least(m.half, m.ending)), ('half', m.half, m.ending), ('ending', m.ending, r.expires_at)) e (signal, at, until)
    union all
    select p.id, e.signal, i.interaction_id, e.since, e.at, e.at + interval '10 minutes', i.agent_id, null, 'infinity'
    from people p join public.interaction_pulse i on i.supervisor_id = p.id
    cross join lateral (values
      ('critical', case when i.critical_until = 'infinity' then i.critical_since end, i.critical_since),
      ('silent', i.silent_since, i.silent_since + pg_catalog.make_interval(secs => greatest(60, private.setting('stale_seconds'))))) e (signal, since, at)
    where p.role = 'supervisor' and (i.critical_until = 'infinity' or i.silent_since is not null) and e.since is not null
  )
  select a.user_id, a.signal, a.subject_id, a.since, a.at, a.ends_at, a.agent_id, a.tool_name
  from all_of_them a join people p on p.id = a.user_id
  where a.signal = any (p.notifications)
    and a.at between pg_catalog.clock_timestamp() - interval '2 minutes' and pg_catalog.clock_timestamp() - interval '4 seconds'
    and a.until > pg_catalog.clock_timestamp()
    and private.in_hours(p.quiet_from, p.quiet_until, p.zone, a.at) is not true
$$;
comment on function private.due_signals() is
  'What calls people by web push now, unless it was given. Of one request only the most urgent, and nothing in quiet hours.';
