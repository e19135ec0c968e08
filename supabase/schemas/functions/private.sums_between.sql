create function private.sums_between(p_whose text, p_since timestamptz, p_until timestamptz) returns table(key uuid, completed bigint, handle_seconds bigint, rated bigint, csat_hundredths bigint, fcr_known bigint, fcr_true bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Whole UTC days from the first midnight until the last; quarters of an hour before and after.
  v_first timestamptz := pg_catalog.date_trunc('day', p_since - interval '1 microsecond', 'UTC') + interval '24 hours';
  v_last timestamptz := pg_catalog.date_trunc('day', p_until, 'UTC');
  v_span text := case p_whose when 'supervisor' then 'day' else 'agent_day' end;
  v_edge text := case p_whose when 'supervisor' then 'quarter' else 'agent_quarter' end;
begin
  return query
  select p.key, pg_catalog.sum(p.completed::double precision)::bigint, pg_catalog.sum(p.handle_seconds::double precision)::bigint, pg_catalog.sum(p.rated::double precision)::bigint,
    pg_catalog.sum(p.csat_hundredths::double precision)::bigint, pg_catalog.sum(p.fcr_known::double precision)::bigint, pg_catalog.sum(p.fcr_true::double precision)::bigint
  from (
    select s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
    from private.performance_sums s where s.span = v_span and s.starts_at >= v_first and s.starts_at < v_last
    union all
    select s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
    from private.performance_sums s where s.span = v_edge and s.starts_at >= p_since and s.starts_at < least(v_first, p_until)
    union all
    select s.key, s.completed, s.handle_seconds, s.rated, s.csat_hundredths, s.fcr_known, s.fcr_true
    from private.performance_sums s where s.span = v_edge and s.starts_at >= greatest(v_first, v_last) and s.starts_at < p_until
  ) p group by p.key;
end $$;
comment on function private.sums_between(text, timestamptz, timestamptz) is
  'Sums by supervisor or agent from one quarter of an hour until before another; without the changes that are not added yet.';
