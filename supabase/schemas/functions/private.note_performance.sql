create function private.note_performance(p_sign integer, p_interaction public.interactions, p_archive public.interaction_archives, p_itself boolean) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
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
  where (p_interaction).status = 'completed' and not (p_interaction).is_test
$$;
comment on function private.note_performance(integer, public.interactions, public.interaction_archives, boolean) is
  'Writes one row of performance_changes; nothing for an interaction that is not completed, or is a test.';
