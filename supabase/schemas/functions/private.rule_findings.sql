-- One scan of interaction_pulse, which has the live interactions alone, finds those that any rule may be about; the rules are
-- compared with these few. What looks back over a window begins at an index of what expired or failed, and counts the rest for the
-- supervisors found there.
create function private.rule_findings(p_at timestamptz) returns table(rule_id uuid, subject_id uuid, supervisor_id uuid,
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
