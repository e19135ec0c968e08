create function public.deactivate_person(p_id uuid) returns setof public.users
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_admin uuid := private.require_admin();
  v_person public.users;
begin
  -- Locks all admins in one order: of two who deactivate each other, the second finds that they have no rights.
  perform from public.users where id = p_id or (role = 'admin' and deactivated_at is null) order by id for no key update;
  v_admin := private.require_admin();
  select * into v_person from public.users where id = p_id;
  if v_person.id is null then
    raise exception 'there is no such person' using errcode = 'FW404';
  elsif v_person.id = v_admin then
    raise exception 'nobody deactivates themselves: ask another admin' using errcode = 'FW409';
  end if;
  update public.users set deactivated_at = pg_catalog.now() where id = p_id and deactivated_at is null;
  perform private.close_web_sessions_of(p_id);
  return query select * from public.users where id = p_id;
end $$;
comment on function public.deactivate_person(uuid) is
  'Takes a person''s rights and ends their sessions; their history stays. FW403, FW404, FW409 for the caller themselves, so that an admin always remains.';
grant execute on function public.deactivate_person(uuid) to authenticated;
