-- Views and leaderboard read sums instead of history. Each change of what counts is one row of
-- private.performance_changes, written in its own transaction and never waited for; a step of the sweeper folds
-- changes into private.performance_sums. Readers add both, so every number is exact at every moment.

create table private.performance_changes (
  id bigint generated always as identity primary key,
  agent_id uuid not null,
  supervisor_id uuid not null,
  started_at timestamptz not null,
  completed integer not null,
  handle_seconds bigint not null,
  rated integer not null,
  csat_hundredths bigint not null,
  resolutions integer not null,
  resolution_seconds bigint not null,
  fcr_known integer not null,
  fcr_true integer not null
);
comment on table private.performance_changes is
  'What is to be added to the sums: one row for each completed interaction, archive or change of them; negative where something went.';

create table private.performance_sums (
  span text not null check (span in ('ever', 'day', 'quarter')),
  starts_at timestamptz not null,
  key uuid not null,
  completed bigint not null,
  handle_seconds bigint not null,
  rated bigint not null,
  csat_hundredths bigint not null,
  resolutions bigint not null,
  resolution_seconds bigint not null,
  fcr_known bigint not null,
  fcr_true bigint not null,
  primary key (span, starts_at, key)
) with (fillfactor = 80);
comment on table private.performance_sums is
  'Completed interactions summed: ever (an agent''s all, starts_at -infinity), day (a supervisor''s of a UTC day) and quarter (of a quarter of an hour, for days that begin elsewhere).';
comment on column private.performance_sums.key is 'The agent for ever, the supervisor for day and quarter.';

revoke all on private.performance_changes, private.performance_sums from anon, authenticated, service_role;
revoke all on sequence private.performance_changes_id_seq from anon, authenticated, service_role;
grant select on private.performance_changes, private.performance_sums to authenticated, service_role;
alter table private.performance_changes enable row level security;
alter table private.performance_sums enable row level security;
create policy performance_changes_visible on private.performance_changes for select to authenticated
  using (agent_id in (select a.id from public.agents a));
create policy performance_sums_visible on private.performance_sums for select to authenticated
  using (span = 'ever' and key in (select a.id from public.agents a));

-- What an archive adds to (1) or takes from (-1) the sums of a completed interaction, and the interaction itself.
create function private.note_performance(p_sign integer, p_interaction public.interactions,
  p_archive public.interaction_archives, p_itself boolean) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into private.performance_changes (agent_id, supervisor_id, started_at, completed, handle_seconds, rated,
    csat_hundredths, resolutions, resolution_seconds, fcr_known, fcr_true)
  select (p_interaction).agent_id, (p_interaction).supervisor_id, (p_interaction).started_at,
    p_sign * p_itself::integer,
    p_sign * p_itself::integer * (p_interaction).duration_seconds,
    p_sign * ((p_archive).csat_score is not null)::integer,
    p_sign * coalesce((p_archive).csat_score * 100, 0)::bigint,
    p_sign * ((p_archive).resolution_time_seconds is not null)::integer,
    p_sign * coalesce((p_archive).resolution_time_seconds, 0),
    p_sign * ((p_archive).fcr_status is not null)::integer,
    p_sign * coalesce((p_archive).fcr_status, false)::integer
  where (p_interaction).status = 'completed'
$$;
comment on function private.note_performance(integer, public.interactions, public.interaction_archives, boolean) is
  'Writes one row of performance_changes; nothing for an interaction that is not completed.';

create function private.count_interaction() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_archive public.interaction_archives;
begin
  if tg_op <> 'INSERT' then
    select * into v_archive from public.interaction_archives where interaction_id = old.id;
    perform private.note_performance(-1, old, v_archive, true);
  end if;
  if tg_op <> 'DELETE' then
    perform private.note_performance(1, new, v_archive, true);
    return null;
  end if;
  return old;
end $$;
comment on function private.count_interaction() is 'Trigger: a completed interaction came, changed or goes; its archive counts with it.';
create trigger interactions_40_count_insert after insert on public.interactions
  for each row when (new.status = 'completed') execute function private.count_interaction();
create trigger interactions_41_count_update after update of status, agent_id, supervisor_id, started_at, ended_at on public.interactions
  for each row when ((old.status, old.agent_id, old.supervisor_id, old.started_at, old.ended_at)
    is distinct from (new.status, new.agent_id, new.supervisor_id, new.started_at, new.ended_at))
  execute function private.count_interaction();
-- Before, since afterwards the archive is gone, too; when that goes it finds no interaction.
create trigger interactions_42_count_delete before delete on public.interactions
  for each row when (old.status = 'completed') execute function private.count_interaction();

create function private.count_archive() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_interaction public.interactions;
begin
  -- The lock makes us queue with whoever moves the interaction in time, or to another supervisor.
  if tg_op <> 'INSERT' then
    select * into v_interaction from public.interactions where id = old.interaction_id for share;
    perform private.note_performance(-1, v_interaction, old, false);
  end if;
  if tg_op <> 'DELETE' then
    select * into v_interaction from public.interactions where id = new.interaction_id for share;
    perform private.note_performance(1, v_interaction, new, false);
  end if;
  return null;
end $$;
comment on function private.count_archive() is 'Trigger: the archive of a completed interaction came, changed or went.';
create trigger interaction_archives_40_count_insert after insert on public.interaction_archives
  for each row when (new.csat_score is not null or new.resolution_time_seconds is not null or new.fcr_status is not null)
  execute function private.count_archive();
create trigger interaction_archives_41_count_update
  after update of interaction_id, csat_score, resolution_time_seconds, fcr_status on public.interaction_archives
  for each row when ((old.interaction_id, old.csat_score, old.resolution_time_seconds, old.fcr_status)
    is distinct from (new.interaction_id, new.csat_score, new.resolution_time_seconds, new.fcr_status))
  execute function private.count_archive();
create trigger interaction_archives_42_count_delete after delete on public.interaction_archives
  for each row execute function private.count_archive();

create function private.fold_performance(p_limit integer default 5000) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_count integer;
begin
  if p_limit < 1 then
    raise exception 'a batch has at least one row' using errcode = 'FW422';
  end if;
  with taken as (
    delete from private.performance_changes where id in (
      select id from private.performance_changes order by id limit p_limit) returning *
  ), folded as (
    insert into private.performance_sums as s (span, starts_at, key, completed, handle_seconds, rated, csat_hundredths,
      resolutions, resolution_seconds, fcr_known, fcr_true)
    select f.span, f.starts_at, f.key, pg_catalog.sum(t.completed), pg_catalog.sum(t.handle_seconds), pg_catalog.sum(t.rated),
      pg_catalog.sum(t.csat_hundredths), pg_catalog.sum(t.resolutions), pg_catalog.sum(t.resolution_seconds),
      pg_catalog.sum(t.fcr_known), pg_catalog.sum(t.fcr_true)
    from taken t cross join lateral (values
      ('ever', '-infinity'::timestamptz, t.agent_id),
      ('day', pg_catalog.date_trunc('day', t.started_at, 'UTC'), t.supervisor_id),
      ('quarter', pg_catalog.date_bin('15 minutes', t.started_at, '2000-01-01 00:00+00'), t.supervisor_id)
    ) f (span, starts_at, key)
    group by f.span, f.starts_at, f.key order by 1, 2, 3
    on conflict (span, starts_at, key) do update set completed = s.completed + excluded.completed,
      handle_seconds = s.handle_seconds + excluded.handle_seconds, rated = s.rated + excluded.rated,
      csat_hundredths = s.csat_hundredths + excluded.csat_hundredths, resolutions = s.resolutions + excluded.resolutions,
      resolution_seconds = s.resolution_seconds + excluded.resolution_seconds,
      fcr_known = s.fcr_known + excluded.fcr_known, fcr_true = s.fcr_true + excluded.fcr_true
  )
  select pg_catalog.count(*) into v_count from taken;
  return v_count;
end $$;
comment on function private.fold_performance(integer) is
  'Moves at most p_limit changes (all when null) into the sums; how many. FW422 for less than one.';

-- An agent's sums of all time, through the reader's own row-level security.
create view private.agent_sums with (security_invoker = true) as
select t.agent_id, pg_catalog.sum(t.completed)::bigint as completed, pg_catalog.sum(t.handle_seconds)::numeric as handle_seconds,
  pg_catalog.sum(t.rated)::bigint as rated, pg_catalog.sum(t.csat_hundredths)::numeric * 0.01 as csat,
  pg_catalog.sum(t.resolutions)::bigint as resolutions, pg_catalog.sum(t.resolution_seconds)::numeric as resolution_seconds,
  pg_catalog.sum(t.fcr_known)::bigint as fcr_known, pg_catalog.sum(t.fcr_true)::bigint as fcr_true
from (
  select key as agent_id, completed, handle_seconds, rated, csat_hundredths, resolutions, resolution_seconds, fcr_known, fcr_true
  from private.performance_sums where span = 'ever' and starts_at = '-infinity'
  union all
  select agent_id, completed, handle_seconds, rated, csat_hundredths, resolutions, resolution_seconds, fcr_known, fcr_true
  from private.performance_changes
) t group by t.agent_id;
comment on view private.agent_sums is 'Sums of every visible agent''s completed interactions: what is folded, and what is not yet.';
revoke all on private.agent_sums from anon, authenticated, service_role;
grant select on private.agent_sums to authenticated, service_role;

create or replace view public.supervisor_performance with (security_invoker = true) as
select u.id as supervisor_id, u.name as supervisor_name, u.supervisor_type,
  coalesce(a.total_agents, 0) as total_agents,
  coalesce(a.completed, 0)::bigint as total_interactions,
  coalesce(i.active_interactions, 0) as active_interactions,
  a.csat / nullif(a.rated, 0) as avg_csat,
  a.resolution_seconds / nullif(a.resolutions, 0) as avg_resolution_time,
  a.fcr_true::double precision * 100 / nullif(a.fcr_known, 0)::double precision as fcr_percentage
from public.users u
left join (
  select g.supervisor_id, pg_catalog.count(*) filter (where g.retired_at is null) as total_agents,
    pg_catalog.sum(s.completed) as completed, pg_catalog.sum(s.csat) as csat, pg_catalog.sum(s.rated) as rated,
    pg_catalog.sum(s.resolution_seconds) as resolution_seconds, pg_catalog.sum(s.resolutions) as resolutions,
    pg_catalog.sum(s.fcr_true) as fcr_true, pg_catalog.sum(s.fcr_known) as fcr_known
  from public.agents g left join private.agent_sums s on s.agent_id = g.id
  group by g.supervisor_id
) a on a.supervisor_id = u.id
left join (
  select supervisor_id, pg_catalog.count(*) as active_interactions
  from public.interactions where status = 'active' group by supervisor_id
) i on i.supervisor_id = u.id
where u.role = 'supervisor';

create or replace view public.agent_performance with (security_invoker = true) as
select a.id as agent_id, a.name as agent_name, a.supervisor_id, a.status,
  coalesce(s.completed, 0)::bigint as total_interactions,
  s.csat / nullif(s.rated, 0) as avg_csat,
  s.handle_seconds / nullif(s.completed, 0) as avg_handle_time,
  s.fcr_true::double precision * 100 / nullif(s.fcr_known, 0)::double precision as fcr_percentage
from public.agents a left join private.agent_sums s on s.agent_id = a.id;

create or replace function private.period_start(p_period text, p_time_zone text) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
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
  -- PostgreSQL also takes offsets of its own making; no place on Earth is off by less than a quarter of an hour.
  if v_start <> pg_catalog.date_bin('15 minutes', v_start, '2000-01-01 00:00+00') then
    raise exception 'unknown time zone %', p_time_zone using errcode = 'FW422';
  end if;
  return v_start;
end $$;

create or replace function private.scores(p_period text, p_time_zone text)
returns table (supervisor_id uuid, interactions bigint, csat numeric, aht numeric, fcr numeric,
  csat_part numeric, interactions_part numeric, aht_part numeric, score numeric)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_since timestamptz := private.period_start(p_period, p_time_zone);
  -- The first whole UTC day of the period; what is before it comes by quarters of an hour.
  v_midnight timestamptz := pg_catalog.date_trunc('day', v_since - interval '1 microsecond', 'UTC') + interval '24 hours';
begin
  return query
  with parts_of_period as (
    select s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
    from private.performance_sums s where s.span = 'day' and s.starts_at >= v_midnight
    union all
    select s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
    from private.performance_sums s where s.span = 'quarter' and s.starts_at >= v_since and s.starts_at < v_midnight
    union all
    select c.supervisor_id, c.completed, c.handle_seconds, c.rated, c.csat_hundredths, c.fcr_known, c.fcr_true
    from private.performance_changes c where c.started_at >= v_since
  ), totals as (
    select p.key as id, pg_catalog.sum(p.completed)::bigint as n,
      pg_catalog.sum(p.csat_hundredths) * 0.01 / nullif(pg_catalog.sum(p.rated), 0) as csat,
      pg_catalog.sum(p.handle_seconds) / nullif(pg_catalog.sum(p.completed), 0) as aht,
      100.0 * pg_catalog.sum(p.fcr_true) / nullif(pg_catalog.sum(p.fcr_known), 0) as fcr
    from parts_of_period p join public.users u on u.id = p.key and u.deactivated_at is null
    group by p.key having pg_catalog.sum(p.completed) > 0
  ), bounds as (
    select pg_catalog.max(n) as n_high, pg_catalog.min(n) as n_low,
      pg_catalog.max(t.aht) as aht_high, pg_catalog.min(t.aht) as aht_low from totals t
  ), parts as (
    select t.*, 0.5 * coalesce(t.csat, 0) as csat_part,
      30 * coalesce((t.n - b.n_low)::numeric / nullif(b.n_high - b.n_low, 0), 0) as interactions_part,
      20 * coalesce(1 - (t.aht - b.aht_low) / nullif(b.aht_high - b.aht_low, 0), 0) as aht_part
    from totals t cross join bounds b
  )
  select p.id, p.n, p.csat, p.aht, p.fcr, p.csat_part, p.interactions_part, p.aht_part,
    pg_catalog.round(p.csat_part + p.interactions_part + p.aht_part, 2)
  from parts p;
end $$;
comment on function private.scores(text, text) is 'Totals and score of every supervisor with a completed interaction in the period. FW422.';

-- For whoever loads history past the triggers, or does not believe the sums. Ends and archives wait meanwhile.
create function private.recount_performance() returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_count bigint;
begin
  lock table private.performance_changes in share row exclusive mode;
  delete from private.performance_changes;
  delete from private.performance_sums;
  insert into private.performance_changes (agent_id, supervisor_id, started_at, completed, handle_seconds, rated,
    csat_hundredths, resolutions, resolution_seconds, fcr_known, fcr_true)
  select i.agent_id, i.supervisor_id, i.started_at, 1, i.duration_seconds, (r.csat_score is not null)::integer,
    coalesce(r.csat_score * 100, 0), (r.resolution_time_seconds is not null)::integer, coalesce(r.resolution_time_seconds, 0),
    (r.fcr_status is not null)::integer, coalesce(r.fcr_status, false)::integer
  from public.interactions i left join public.interaction_archives r on r.interaction_id = i.id
  where i.status = 'completed';
  get diagnostics v_count = row_count;
  perform private.fold_performance(null);
  return v_count;
end $$;
comment on function private.recount_performance() is 'Makes all sums anew from the interactions and archives; how many interactions.';
select private.recount_performance();
