-- One statement, so that what opens and what closes are judged by the same reading of the rows. The lock lets one process at a time
-- evaluate; the unique index of open alerts holds without it, too.
create function private.evaluate_alerts(p_at timestamptz default null) returns integer
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
