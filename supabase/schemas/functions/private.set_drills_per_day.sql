create function private.set_drills_per_day(p_supervisor_id uuid, p_per_day integer) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.require_admin();
  if (p_per_day between 0 and 5) is not true then
    raise exception 'a supervisor gets 0 to 5 drills a day' using errcode = 'FW422';
  end if;
  perform from public.users where id = p_supervisor_id and role = 'supervisor';
  if not found then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  end if;
  insert into private.drill_plans as n (supervisor_id, per_day) values (p_supervisor_id, p_per_day)
  on conflict (supervisor_id) do update set per_day = excluded.per_day where n.per_day <> excluded.per_day;
end $$;
comment on function private.set_drills_per_day(uuid, integer) is
  'An admin says how many drills in 24 hours a supervisor gets at most. FW403, FW404, FW422.';
grant execute on function private.set_drills_per_day(uuid, integer) to authenticated;
