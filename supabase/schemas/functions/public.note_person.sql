create function public.note_person(p_id uuid, p_action text, p_changes jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_admin uuid := private.require_admin();
begin
  if p_action is null or p_action not in ('users.create', 'users.invite', 'users.change', 'users.recovery') then
    raise exception 'there is no such action' using errcode = 'FW422';
  elsif p_changes is null or pg_catalog.octet_length(p_changes::text) > 10000 then
    raise exception 'a note says what changed, in 10,000 bytes at most' using errcode = 'FW422';
  elsif pg_catalog.jsonb_typeof(p_changes) <> 'object' or exists (
      select from pg_catalog.jsonb_each(p_changes) c
      where case pg_catalog.jsonb_typeof(c.value) when 'array' then pg_catalog.jsonb_array_length(c.value) <> 2 else true end) then
    raise exception 'a note has for each thing that changed what it was and what it is' using errcode = 'FW422';
  elsif not exists (select from public.users where id = p_id) then
    raise exception 'there is no such person' using errcode = 'FW404';
  end if;
  insert into public.audit_logs (actor_id, actor, action, row_id, supervisor_id, changes)
  select u.id, coalesce(u.username, u.name), p_action, p_id::text, p_id, p_changes from public.users u where u.id = v_admin;
end $$;
comment on function public.note_person(uuid, text, jsonb) is
  'Writes to the audit which admin had the Auth server do something with a login: what its trigger writes cannot know. FW403, FW404, FW422.';
grant execute on function public.note_person(uuid, text, jsonb) to authenticated;
