create function public.calculate_performance_score(p_supervisor_id uuid, p_period character varying default 'month'::character varying) returns numeric
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.viewer_role() is null and pg_catalog.current_setting('role', true) is distinct from 'service_role' then
    raise exception 'only supervisors and admins see scores' using errcode = 'FW403';
  end if;
  perform private.period_start(p_period, 'UTC');
  if not exists (select from public.users where id = p_supervisor_id and role = 'supervisor') then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  end if;
  return (select s.score from private.scores(p_period, 'UTC') s where s.supervisor_id = p_supervisor_id);
end $$;
comment on function public.calculate_performance_score(uuid, character varying) is
  'One supervisor''s score 0..100 for today or month (UTC); null without an interaction in it. FW403, FW404, FW422.';
grant execute on function public.calculate_performance_score(uuid, character varying) to authenticated, service_role;
