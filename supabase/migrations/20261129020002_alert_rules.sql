-- Why: who watches does not see everything. An admin says once what must call a person to their screen, and whom.

-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; few interactions fail
create index interactions_failed on public.interactions (ended_at) where status = 'failed';
-- squawk-ignore require-concurrent-index-creation -- as above; few requests expire
create index tool_permissions_expired on public.tool_permissions (responded_at) where status = 'timeout';

create table public.alert_rules (
  id uuid not null default gen_random_uuid(),
  name text not null,
  condition text not null,
  amount integer not null,
  minutes integer,
  supervisor_id uuid,
  days smallint[] not null default '{1,2,3,4,5,6,7}'::smallint[],
  from_time time,
  until_time time,
  zone text not null default 'UTC',
  calls text not null,
  version integer not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  changed_by uuid not null,
  changed_by_name text not null,
  retired_at timestamptz,
  constraint alert_rules_pkey primary key (id),
  constraint alert_rules_supervisor_id_fkey foreign key (supervisor_id) references public.users(id),
  constraint alert_rules_changed_by_fkey foreign key (changed_by) references public.users(id),
  constraint alert_rules_name_check check (length(name) between 1 and 80),
  constraint alert_rules_condition_check check (condition in ('critical', 'silence', 'satisfaction', 'pending', 'expired', 'failed')),
  constraint alert_rules_amount check (amount between case when condition in ('critical', 'silence', 'pending') then 5 else 1 end
    and case condition when 'critical' then 3600 when 'silence' then 3600 when 'pending' then 360 when 'failed' then 1000 else 100 end),
  constraint alert_rules_minutes check ((minutes is not null) = (condition in ('expired', 'failed')) and minutes between 1 and 60),
  constraint alert_rules_days check (cardinality(days) between 1 and 7 and days <@ '{1,2,3,4,5,6,7}'::smallint[]),
  constraint alert_rules_hours check ((from_time is null) = (until_time is null) and from_time <> until_time),
  constraint alert_rules_calls_check check (calls in ('supervisor', 'admins', 'both'))
);

comment on table public.alert_rules is
  'When people are called to their screens: a condition, whose interactions, on which days and hours, and whom it calls.';
comment on column public.alert_rules.condition is
  'critical, silence: an interaction for amount seconds; satisfaction: of an interaction under amount %; pending: a tool permission for amount seconds; expired: amount % or more of a supervisor''s tool permissions in so many minutes; failed: amount or more of a supervisor''s interactions in so many minutes.';
comment on column public.alert_rules.minutes is
  'The window of expired and failed.';
comment on column public.alert_rules.supervisor_id is
  'Whose interactions; null for everybody''s.';
comment on column public.alert_rules.days is
  'From 1, Monday, to 7. Hours over midnight belong to the day on which they begin.';
comment on column public.alert_rules.from_time is
  'In the zone; null for the whole day.';
comment on column public.alert_rules.calls is
  'Whom it calls: the supervisor whose interaction it is, the admins, or both.';
comment on constraint alert_rules_pkey on public.alert_rules is
  'this id is taken';
comment on constraint alert_rules_supervisor_id_fkey on public.alert_rules is
  'a rule is about the interactions of a supervisor who exists';
comment on constraint alert_rules_changed_by_fkey on public.alert_rules is
  'a rule is made by a person who exists';
comment on constraint alert_rules_name_check on public.alert_rules is
  'a rule has a name of 1 to 80 characters';
comment on constraint alert_rules_condition_check on public.alert_rules is
  'a condition is critical, silence, satisfaction, pending, expired or failed';
comment on constraint alert_rules_amount on public.alert_rules is
  'critical and silence take 5 to 3600 seconds, pending 5 to 360, satisfaction and expired 1 to 100 %, failed 1 to 1000 interactions';
comment on constraint alert_rules_minutes on public.alert_rules is
  'expired and failed look back 1 to 60 minutes, and the other conditions do not';
comment on constraint alert_rules_days on public.alert_rules is
  'a rule has one day of the week or more, from 1 to 7';
comment on constraint alert_rules_hours on public.alert_rules is
  'hours have a beginning and another end, or neither';
comment on constraint alert_rules_calls_check on public.alert_rules is
  'a rule calls the supervisor, the admins or both';

-- The foreign keys.
create index alert_rules_supervisor on public.alert_rules (supervisor_id) where supervisor_id is not null;
create index alert_rules_changed_by on public.alert_rules (changed_by);

create table public.alerts (
  id uuid not null default gen_random_uuid(),
  rule_id uuid not null,
  rule_name text not null,
  condition text not null,
  amount integer not null,
  minutes integer,
  supervisor_id uuid not null,
  interaction_id uuid,
  subject_id uuid not null,
  measured integer not null,
  calls_supervisor boolean not null,
  calls_admins boolean not null,
  opened_at timestamptz not null,
  calm_since timestamptz,
  closed_at timestamptz,
  closed_because text,
  acknowledged_at timestamptz,
  acknowledged_by uuid,
  acknowledged_by_name text,
  constraint alerts_pkey primary key (id),
  constraint alerts_rule_id_fkey foreign key (rule_id) references public.alert_rules(id),
  constraint alerts_supervisor_id_fkey foreign key (supervisor_id) references public.users(id),
  constraint alerts_acknowledged_by_fkey foreign key (acknowledged_by) references public.users(id),
  constraint alerts_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade,
  constraint alerts_closed check ((closed_at is null) = (closed_because is null)),
  constraint alerts_closed_because_check check (closed_because in ('over', 'ended', 'rule')),
  constraint alerts_acknowledged check ((acknowledged_at is null) = (acknowledged_by is null))
);

comment on table public.alerts is
  'What rules found: opened once, closed when the condition has been over for half a minute, and acknowledged by a person.';
comment on column public.alerts.rule_name is 'As the rule was when it opened; the same of condition, amount, minutes and calls.';
comment on column public.alerts.subject_id is 'The interaction, the tool permission, or for a share or a number of a window the supervisor.';
comment on column public.alerts.measured is 'What was measured when it opened: seconds, percent or a number.';
comment on column public.alerts.calm_since is 'Since when the condition has been over; null while it lasts.';
comment on column public.alerts.closed_because is 'over: the condition is; ended: its subject has; rule: that was changed or retired.';
comment on constraint alerts_pkey on public.alerts is 'this id is taken';
comment on constraint alerts_rule_id_fkey on public.alerts is 'an alert is of a rule that exists';
comment on constraint alerts_supervisor_id_fkey on public.alerts is 'an alert concerns a supervisor who exists';
comment on constraint alerts_acknowledged_by_fkey on public.alerts is 'an alert is acknowledged by a person who exists';
comment on constraint alerts_interaction on public.alerts is 'an alert is about an interaction of the same supervisor, which exists';
comment on constraint alerts_closed on public.alerts is 'an alert is closed for a reason, and open without one';
comment on constraint alerts_closed_because_check on public.alerts is 'an alert is closed because it is over, its subject has ended, or its rule was changed';
comment on constraint alerts_acknowledged on public.alerts is 'who acknowledged an alert and when are known together';

-- A rule does not open twice for one subject.
create unique index alerts_open on public.alerts (rule_id, subject_id) where closed_at is null;
comment on index public.alerts_open is
  'this alert is open already';
-- A supervisor's alerts, newest first, and the foreign key.
create index alerts_of_supervisor on public.alerts (supervisor_id, opened_at desc);
-- Everybody's, newest first; the sweep deletes from the other end.
create index alerts_opened on public.alerts (opened_at desc);
-- The foreign keys.
create index alerts_of_interaction on public.alerts (interaction_id, supervisor_id) where interaction_id is not null;
create index alerts_acknowledged_by on public.alerts (acknowledged_by) where acknowledged_by is not null;
create index alerts_rule on public.alerts (rule_id);

create or replace function private.alerts_on_screen(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
begin
  return (
    with calling as materialized (
      select a.* from public.alerts a
      where a.closed_at is null and a.acknowledged_at is null
        and case when v_supervisor is null then a.calls_admins else a.calls_supervisor and a.supervisor_id = v_supervisor end
      order by a.opened_at desc, a.id limit 100)
    select pg_catalog.jsonb_build_object(
      'alerts', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(c) order by c.opened_at desc, c.id), '[]') from (
        select a.id, a.rule_name, a.condition, a.amount, a.minutes, a.measured, a.opened_at, a.interaction_id, u.username, g.name as agent_name
        from (select * from calling order by opened_at desc, id limit 5) a
          join public.users u on u.id = a.supervisor_id
          left join public.interactions i on i.id = a.interaction_id left join public.agents g on g.id = i.agent_id) c),
      'more', (select greatest(0, pg_catalog.count(*) - 5) from calling)));
end $$;
comment on function private.alerts_on_screen(jsonb) is
  'The open alerts that call a supervisor {supervisor_id}, or the admins {}, and that nobody acknowledged: the five newest, and how many more of the newest hundred. Through the reader''s row-level security. FW422.';
grant execute on function private.alerts_on_screen(jsonb) to authenticated;

create or replace function private.cleanup_leftovers() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_all integer := 0;
  v_count integer;
begin
  delete from private.idempotency_keys k using (
    select agent_id, key from private.idempotency_keys
    where created_at < pg_catalog.now() - interval '24 hours' order by created_at limit 1000) o
  where (k.agent_id, k.key) = (o.agent_id, o.key);
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.web_sessions where id in (
    select id from private.web_sessions where last_seen_at < pg_catalog.now() - interval '30 days' order by last_seen_at limit 500);
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.profile_faults where id in (
    select id from private.profile_faults
    where created_at < pg_catalog.now() - pg_catalog.make_interval(days => private.setting('archive_days')) order by created_at limit 1000);
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from public.webhook_deliveries where id = any (array(
    select o.id from (select id, created_at from public.webhook_deliveries order by id limit 1000) o
    where o.created_at < pg_catalog.now() - pg_catalog.make_interval(days => private.setting('archive_days'))));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.given_signals where ctid = any (array(
    select ctid from private.given_signals where given_at < pg_catalog.now() - interval '1 day' order by given_at limit 1000));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from public.alerts where id = any (array(
    select o.id from (select id, opened_at, closed_at from public.alerts order by opened_at limit 1000) o
    where o.closed_at < pg_catalog.now() - pg_catalog.make_interval(days => private.setting('archive_days'))));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  -- The leaderboard reaches back 397 days; what began earlier is never the edge of a range.
  delete from private.performance_sums where ctid = any (array(
    select ctid from private.performance_sums
    where span = 'quarter' and starts_at < pg_catalog.now() - interval '400 days' order by starts_at limit 1000));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.performance_sums where ctid = any (array(
    select ctid from private.performance_sums
    where span = 'agent_quarter' and starts_at < pg_catalog.now() - interval '400 days' order by starts_at limit 1000));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.performance_sums where ctid = any (array(
    select ctid from private.performance_sums
    where span = 'agent_day' and starts_at < pg_catalog.now() - interval '400 days' order by starts_at limit 1000));
  get diagnostics v_count = row_count;
  v_all := v_all + v_count;
  delete from private.performance_ranges where id = any (array(
    select id from private.performance_ranges where asked_at < pg_catalog.now() - interval '3 days' limit 10));
  get diagnostics v_count = row_count;
  return v_all + v_count;
end $$;
comment on function private.cleanup_leftovers() is
  'Deletes a batch of idempotency keys older than 24 h, sessions unseen for 30 days, profile faults, deliveries and closed alerts as old as archives, signals that were given a day ago, sums by agents'' days and by quarters of 400 days ago, sums of ranges that nobody asked for in three days; how many.';
grant execute on function private.cleanup_leftovers() to service_role;

-- One statement, so that what opens and what closes are judged by the same reading of the rows. The lock lets one process at a time
-- evaluate; the unique index of open alerts holds without it, too.
create or replace function private.evaluate_alerts(p_at timestamptz default null) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_at timestamptz := coalesce(p_at, pg_catalog.clock_timestamp());
  v_count integer;
begin
  if p_at is not null then
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker alerts', 0));
  elsif not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker alerts', 0)) then
    return 0;
  end if;
  if not exists (select from public.alert_rules where retired_at is null) and not exists (select from public.alerts where closed_at is null) then
    return 0;
  end if;
  with found as materialized (
    select f.* from private.rule_findings(v_at) f
  ), standing as materialized (
    select a.id, a.calm_since, f.rule_id is not null as lasts,
      case when r.retired_at is not null or r.changed_at > a.opened_at then 'rule'
        when f.rule_id is not null then null
        when a.condition in ('critical', 'silence', 'satisfaction')
          and not exists (select from public.interaction_pulse p where p.interaction_id = a.subject_id) then 'ended'
        when a.condition = 'pending' then 'ended'
        when a.calm_since <= v_at - interval '30 seconds' then 'over' end as because
    from public.alerts a join public.alert_rules r on r.id = a.rule_id
      left join found f on f.rule_id = a.rule_id and f.subject_id = a.subject_id
    where a.closed_at is null
  ), changed as (
    update public.alerts a set closed_at = case when s.because is not null then v_at end, closed_because = s.because,
      calm_since = case when s.because is not null then a.calm_since when not s.lasts then coalesce(a.calm_since, v_at) end
    from standing s
    where a.id = s.id and (s.because is not null or s.lasts = (a.calm_since is not null))
    returning s.because
  ), opened as (
    insert into public.alerts (rule_id, rule_name, condition, amount, minutes, supervisor_id, interaction_id, subject_id, measured,
      calls_supervisor, calls_admins, opened_at)
    select r.id, r.name, r.condition, r.amount, r.minutes, f.supervisor_id, f.interaction_id, f.subject_id, f.measured,
      r.calls <> 'admins', r.calls <> 'supervisor', v_at
    from found f join public.alert_rules r on r.id = f.rule_id
    where f.met and private.rule_applies(r, v_at)
      and not exists (select from public.alerts a where a.rule_id = f.rule_id and a.subject_id = f.subject_id and a.closed_at is null)
    order by f.measured desc, f.subject_id limit 500
    on conflict (rule_id, subject_id) where closed_at is null do nothing
    returning 1
  )
  select (select pg_catalog.count(*) from opened) + (select pg_catalog.count(*) from changed c where c.because is not null) into v_count;
  return v_count;
end $$;
comment on function private.evaluate_alerts(timestamptz) is
  'Opens at most 500 alerts of what the rules find at this moment, and closes those that are over for 30 seconds, or whose subject ended or rule changed; how many. Now, unless another process is at it; or as of a moment, when it is free.';

create or replace function private.rule_applies(p_rule public.alert_rules, p_at timestamptz) returns boolean
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

-- One scan of interaction_pulse, which has the live interactions alone, finds those that any rule may be about; the rules are
-- compared with these few. What looks back over a window begins at an index of what expired or failed, and counts the rest for the
-- supervisors found there.
create or replace function private.rule_findings(p_at timestamptz) returns table(rule_id uuid, subject_id uuid, supervisor_id uuid,
    interaction_id uuid, measured integer, met boolean)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with rules as materialized (
    select r.* from public.alert_rules r where r.retired_at is null
  ), bounds as materialized (
    select p_at - pg_catalog.make_interval(secs => pg_catalog.min(r.amount) filter (where r.condition = 'silence')) as heard_before,
      pg_catalog.max(r.amount) filter (where r.condition = 'satisfaction') + 5 as under
    from rules r where r.condition in ('critical', 'silence', 'satisfaction')
  ), bad as materialized (
    select p.interaction_id, p.supervisor_id, case when p.critical_until = 'infinity' then p.critical_since end as critical_since, p.last_seen_at, p.silent_since, p.satisfaction_score
    from bounds b join public.interaction_pulse p on not p.is_test
      and (p.critical_until = 'infinity' or p.last_seen_at <= b.heard_before or p.satisfaction_score < b.under)
  )
  select r.id, p.interaction_id, p.supervisor_id, p.interaction_id,
    case r.condition when 'satisfaction' then p.satisfaction_score::integer
      when 'critical' then extract(epoch from p_at - p.critical_since)::integer
      else extract(epoch from p_at - p.last_seen_at)::integer end,
    case r.condition when 'satisfaction' then p.satisfaction_score < r.amount
      when 'critical' then p.critical_since <= p_at - pg_catalog.make_interval(secs => r.amount) else true end
  from rules r join bad p on (r.supervisor_id is null or p.supervisor_id = r.supervisor_id)
    and case r.condition
      when 'critical' then p.critical_since is not null
      when 'silence' then p.last_seen_at <= p_at - pg_catalog.make_interval(secs => r.amount)
      -- Five points above the threshold it is over; what is silent has no satisfaction that is known now.
      else p.silent_since is null and p.satisfaction_score < r.amount + 5 end
  where r.condition in ('critical', 'silence', 'satisfaction')
  union all
  select r.id, t.id, t.supervisor_id, t.interaction_id, extract(epoch from p_at - t.requested_at)::integer, true
  from rules r join public.tool_permissions t on t.status = 'pending' and t.held_until is null
    and t.requested_at <= p_at - pg_catalog.make_interval(secs => r.amount) and (r.supervisor_id is null or t.supervisor_id = r.supervisor_id)
    join public.interaction_pulse p on p.interaction_id = t.interaction_id and not p.is_test
  where r.condition = 'pending'
  union all
  select r.id, s.supervisor_id, s.supervisor_id, null, (100 * c.expired / c.answered)::integer, 100 * c.expired >= r.amount * c.answered
  from rules r cross join lateral (
      select distinct t.supervisor_id from public.tool_permissions t
      where t.status = 'timeout' and t.responded_at > p_at - pg_catalog.make_interval(mins => r.minutes) and t.responded_at <= p_at
        and (r.supervisor_id is null or t.supervisor_id = r.supervisor_id)) s
    cross join lateral (
      select pg_catalog.count(*) as answered, pg_catalog.count(*) filter (where t.status = 'timeout') as expired
      from public.tool_permissions t join public.interactions i on i.id = t.interaction_id and not i.is_test
      where t.supervisor_id = s.supervisor_id and t.status in ('allowed', 'denied', 'timeout') and t.rule is null
        and t.responded_at > p_at - pg_catalog.make_interval(mins => r.minutes) and t.responded_at <= p_at) c
  -- Of fewer than five a share says nothing. Five points under the threshold it is over.
  where r.condition = 'expired' and c.answered >= 5 and 100 * c.expired > (r.amount - 5) * c.answered and c.expired > 0
  union all
  select r.id, f.supervisor_id, f.supervisor_id, null, f.failed::integer, true
  from rules r cross join lateral (
      select i.supervisor_id, pg_catalog.count(*) as failed from public.interactions i
      where i.status = 'failed' and i.ended_at > p_at - pg_catalog.make_interval(mins => r.minutes) and i.ended_at <= p_at
        and not i.is_test and (r.supervisor_id is null or i.supervisor_id = r.supervisor_id)
      group by i.supervisor_id) f
  where r.condition = 'failed' and f.failed >= r.amount
$$;
comment on function private.rule_findings(timestamptz) is
  'For each rule the subjects of which its condition is not over at this moment, and whether it is met: between the two, an alert that is open stays, and none opens.';

create or replace function private.sweep(p_step text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_done integer;
begin
  if p_step is null or p_step not in ('expiry', 'reaping', 'performance', 'metrics', 'archives', 'interactions', 'leftovers', 'alerts') then
    raise exception 'unknown step %: expiry, reaping, performance, metrics, archives, interactions, leftovers or alerts', p_step
      using errcode = 'FW422';
  end if;
  if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker sweep ' || p_step, 0)) then
    return null;
  end if;
  v_done := case p_step
    when 'expiry' then private.expire_tool_permissions()
    when 'reaping' then private.reap_interactions() + private.end_overlong()
    when 'performance' then private.fold_performance()
    when 'alerts' then private.evaluate_alerts()
    when 'metrics' then private.cleanup_realtime_metrics()
    when 'archives' then public.cleanup_old_archives(private.setting('archive_days'), 50)
    when 'interactions' then private.anonymise_interactions()
    when 'leftovers' then private.cleanup_leftovers() end;
  -- Not a step of its own, so that the last release's server does this too; not counted, because nothing ends.
  if p_step = 'reaping' then
    perform private.mark_silent();
  elsif p_step = 'performance' then
    perform private.find_waiting();
    perform private.fill_decision_search();
  end if;
  return v_done;
end $$;
comment on function private.sweep(text) is
  'One batch of one step of the sweeper; how many rows, or null while another process is at it. FW422 for an unknown step.';
grant execute on function private.sweep(text) to floorwalker_web, service_role;

create or replace function public.acknowledge_alert(p_id uuid) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_viewer uuid := private.viewer_id();
  v_role text := private.viewer_role();
  v_alert public.alerts;
begin
  select * into v_alert from public.alerts a
  where a.id = p_id and (v_role = 'admin' or (v_role = 'supervisor' and a.supervisor_id = v_viewer and a.calls_supervisor))
  for update;
  if v_alert.id is null then
    raise exception 'there is no such alert' using errcode = 'FW404';
  end if;
  if v_alert.acknowledged_at is null then
    update public.alerts a set acknowledged_at = pg_catalog.clock_timestamp(), acknowledged_by = u.id,
      acknowledged_by_name = u.name
    from public.users u where a.id = p_id and u.id = v_viewer
    returning a.acknowledged_by_name into v_alert.acknowledged_by_name;
  end if;
  return v_alert.acknowledged_by_name;
end $$;
comment on function public.acknowledge_alert(uuid) is
  'Acknowledges an alert once, for all whom it calls; who did it. FW404 for one that the caller does not see.';
grant execute on function public.acknowledge_alert(uuid) to authenticated;

create or replace function public.retire_alert_rule(p_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.require_admin();
  update public.alert_rules set retired_at = coalesce(retired_at, pg_catalog.clock_timestamp()) where id = p_id;
  if not found then
    raise exception 'there is no such rule' using errcode = 'FW404';
  end if;
end $$;
comment on function public.retire_alert_rule(uuid) is
  'An admin ends a rule; what it opened is closed by the next evaluation. FW403, FW404.';
grant execute on function public.retire_alert_rule(uuid) to authenticated;

create or replace function public.save_alert_rule(p_id uuid, p_version integer, p_rule jsonb) returns uuid
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

alter table public.alert_rules enable row level security;
grant select on public.alert_rules to authenticated;
alter table public.alerts enable row level security;
grant select on public.alerts to authenticated;

create policy alert_rules_visible on public.alert_rules for select to authenticated
  using ((select private.viewer_role()) = 'admin');

create trigger alert_rules_70_audit after insert or update on public.alert_rules for each row
  execute function private.audit('name', 'condition', 'amount', 'minutes', 'supervisor_id', 'days', 'from_time', 'until_time', 'zone', 'calls', 'retired_at');

create policy alerts_visible on public.alerts for select to authenticated
  using ((select private.viewer_role()) = 'admin'
    or (calls_supervisor and supervisor_id = any ((select private.visible_supervisor_ids())::uuid[])));

create trigger alerts_60_ring_insert after insert on public.alerts
    referencing new table as inserted for each statement
  execute function private.ring();

create trigger alerts_61_ring_update after update on public.alerts
    referencing old table as before new table as after for each statement
  execute function private.ring();

create trigger alerts_70_audit after update of acknowledged_at on public.alerts for each row
  execute function private.audit('acknowledged_at');

insert into private.pages (name, function) values ('alerts', 'alerts_on_screen') on conflict do nothing;
