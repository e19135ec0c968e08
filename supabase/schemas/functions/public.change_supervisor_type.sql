create function public.change_supervisor_type(p_id uuid, p_type text) returns setof public.users
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_person public.users;
begin
  perform private.require_admin();
  if p_type is null or p_type not in ('voice', 'chat') then
    raise exception 'a supervisor''s type is voice or chat' using errcode = 'FW422';
  end if;
  select * into v_person from public.users where id = p_id and role = 'supervisor' for update;
  if v_person.id is null then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  elsif v_person.supervisor_type <> p_type and exists (select from public.agents where supervisor_id = p_id) then
    raise exception 'a supervisor who has or had agents keeps their type' using errcode = 'FW409';
  end if;
  return query update public.users set supervisor_type = p_type where id = p_id returning *;
end $$;
comment on function public.change_supervisor_type(uuid, text) is
  'Voice or chat, for a supervisor without agents; their login''s metadata follows. FW403, FW404, FW409 while they have agents, FW422.';
grant execute on function public.change_supervisor_type(uuid, text) to authenticated;
