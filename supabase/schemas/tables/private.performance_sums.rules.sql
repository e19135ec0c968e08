alter table private.performance_sums enable row level security;

grant select on private.performance_sums to authenticated, service_role;

create policy performance_sums_visible on private.performance_sums for select to authenticated
  using (span = 'ever' and (key in ( select a.id
   from public.agents a)));

create view private.agent_sums with (security_invoker=true) as
 select agent_id,
    sum(completed)::bigint as completed,
    sum(handle_seconds) as handle_seconds,
    sum(rated)::bigint as rated,
    sum(csat_hundredths) * 0.01 as csat,
    sum(resolutions)::bigint as resolutions,
    sum(resolution_seconds) as resolution_seconds,
    sum(fcr_known)::bigint as fcr_known,
    sum(fcr_true)::bigint as fcr_true
   from ( select performance_sums.key as agent_id,
            performance_sums.completed,
            performance_sums.handle_seconds,
            performance_sums.rated,
            performance_sums.csat_hundredths,
            performance_sums.resolutions,
            performance_sums.resolution_seconds,
            performance_sums.fcr_known,
            performance_sums.fcr_true
           from private.performance_sums
          where performance_sums.span = 'ever' and performance_sums.starts_at = '-infinity'::timestamptz
        union all
         select performance_changes.agent_id,
            performance_changes.completed,
            performance_changes.handle_seconds,
            performance_changes.rated,
            performance_changes.csat_hundredths,
            performance_changes.resolutions,
            performance_changes.resolution_seconds,
            performance_changes.fcr_known,
            performance_changes.fcr_true
           from private.performance_changes) t
  group by agent_id;
comment on view private.agent_sums is
  'Sums of every visible agent''s completed interactions: the stored sums and the changes that are not added to them yet.';
grant select on private.agent_sums to authenticated, service_role;
