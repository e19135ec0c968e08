create function private.chosen_supervisors(p_arguments jsonb) returns uuid[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := p_arguments ->> 'type';
  v_supervisor text := pg_catalog.lower(p_arguments ->> 'supervisor');
begin
  if v_type not in ('voice', 'chat') then
    raise exception 'unknown type %: voice or chat', v_type using errcode = 'FW422';
  elsif v_type is null and v_supervisor is null then
    return null;
  end if;
  return array(select u.id from public.users u where u.supervisor_type = coalesce(v_type, u.supervisor_type)
    and case when exists (select from public.users e where e.username = v_supervisor and e.role = 'supervisor') then u.username = v_supervisor
      else pg_catalog.strpos(u.username, coalesce(v_supervisor, '')) > 0 end);
end $$;
comment on function private.chosen_supervisors(jsonb) is
  'Those that the filters type and supervisor (a username, or a part of one where nobody has this one) leave; null for all. FW422 for an unknown type.';
grant execute on function private.chosen_supervisors(jsonb) to authenticated;
