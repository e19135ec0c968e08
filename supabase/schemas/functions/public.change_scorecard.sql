create function public.change_scorecard(p_version integer, p_criteria jsonb) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_admin uuid := private.require_admin();
  v_present public.scorecards;
begin
  if not private.valid_criteria(p_criteria) then
    raise exception 'criteria are 1 to 20, each with a name of its own of 1 to 80 characters, a meaning of at most 500, and a weight from 1 to 100' using errcode = 'FW422';
  end if;
  -- Two admins that change it at once come one after the other.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker scorecard', 0));
  select * into v_present from public.scorecards order by version desc limit 1;
  if v_present.criteria = p_criteria then
    return v_present.version;
  elsif p_version is distinct from coalesce(v_present.version, 0) then
    raise exception 'the criteria were changed meanwhile: look at them again' using errcode = 'FW409';
  end if;
  insert into public.scorecards (version, criteria, created_by, created_by_name)
  select coalesce(v_present.version, 0) + 1, p_criteria, u.id, u.name from public.users u where u.id = v_admin;
  return coalesce(v_present.version, 0) + 1;
end $$;
comment on function public.change_scorecard(integer, jsonb) is
  'Makes a new version of the criteria, if this is the present one; its number. Scores keep the version they were given by. FW403, FW409, FW422.';
grant execute on function public.change_scorecard(integer, jsonb) to authenticated;
