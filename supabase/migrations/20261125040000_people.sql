-- What admins do with people: who did it is written down with it, and an admin always remains.

create function private.require_admin() returns uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if private.viewer_role() is distinct from 'admin' then
    raise exception 'only an admin does that' using errcode = 'FW403';
  end if;
  return private.viewer_id();
end $$;
comment on function private.require_admin() is 'The admin who asks. FW403 for anybody else.';
revoke all on function private.require_admin() from public;

create function public.deactivate_person(p_id uuid) returns setof public.users
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_admin uuid := private.require_admin();
  v_person public.users;
begin
  -- All admins in one order: of two who deactivate each other, the second finds that they are out themselves.
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
  'Takes somebody''s rights and ends their sessions; what they did stays. FW403, FW404, FW409 for oneself, so that an admin always remains.';

create function public.reactivate_person(p_id uuid) returns setof public.users
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
comment on function public.reactivate_person(uuid) is 'Gives somebody their rights back. FW403, FW404, FW409 when their login was deleted.';

create function public.change_supervisor_type(p_id uuid, p_type text) returns setof public.users
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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

create function public.retire_agent(p_agent_id uuid) returns public.agents
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_agent public.agents;
begin
  perform private.require_admin();
  select * into v_agent from public.agents where id = p_agent_id for update;
  if v_agent.id is null then
    raise exception 'there is no such agent' using errcode = 'FW404';
  elsif exists (select from public.interactions where agent_id = p_agent_id and status = 'active') then
    raise exception 'the agent has an active interaction: pause it, and retire it when that has ended' using errcode = 'FW409';
  end if;
  update public.agents set retired_at = coalesce(retired_at, pg_catalog.now()) where id = p_agent_id returning * into v_agent;
  return v_agent;
end $$;
comment on function public.retire_agent(uuid) is
  'The agent''s slot is free again and its keys open nothing; its history stays. FW403, FW404, FW409 while an interaction is active.';

create function public.note_person(p_id uuid, p_action text, p_changes jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
  'Writes down which admin had the Auth server do something with a login: what its trigger writes cannot know. FW403, FW404, FW422.';

revoke all on function public.deactivate_person(uuid), public.reactivate_person(uuid), public.change_supervisor_type(uuid, text),
  public.retire_agent(uuid), public.note_person(uuid, text, jsonb) from public;
grant execute on function public.deactivate_person(uuid), public.reactivate_person(uuid), public.change_supervisor_type(uuid, text),
  public.retire_agent(uuid), public.note_person(uuid, text, jsonb) to authenticated;
