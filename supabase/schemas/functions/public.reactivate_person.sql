create function public.reactivate_person(p_id uuid) returns setof public.users
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.require_admin();
  if exists (select from auth.users a where a.id = p_id and a.deleted_at is not null) then
    raise exception 'this login was deleted and does not come back: make a new one' using errcode = 'FW409';
  elsif not exists (select from public.users where id = p_id) then
    raise exception 'there is no such person' using errcode = 'FW404';
  end if;
  update public.users set deactivated_at = null where id = p_id and deactivated_at is not null;
  return query select * from public.users where id = p_id;
end $$;
comment on function public.reactivate_person(uuid) is
  'Gives somebody their rights back. FW403, FW404, FW409 when their login was deleted.';
grant execute on function public.reactivate_person(uuid) to authenticated;
