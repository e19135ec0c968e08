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
    and pg_catalog.strpos(u.username, coalesce(v_supervisor, '')) > 0);
end $$;
comment on function private.chosen_supervisors(jsonb) is
  'Those that the filters type and supervisor (part of the username) leave; null for all. FW422 for an unknown type.';
grant execute on function private.chosen_supervisors(jsonb) to authenticated;
