-- Walls made thicker where tests of attackers found them thin.

-- Who asks is read from the claims alone: auth.uid() prefers a setting of old versions, which a connection that
-- others share could have kept. A sub that is no uuid is nobody.
create function private.viewer_id() returns uuid
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when c ~ '^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$' then c::uuid end from private.claim('sub') c
$$;
comment on function private.viewer_id() is 'The person whose claims these are; null for nobody.';
grant execute on function private.viewer_id() to authenticated;

create or replace function private.viewer_role() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select role from public.users
  where id = (select private.viewer_id()) and deactivated_at is null
    and (banned_until is null or banned_until <= pg_catalog.now())
$$;

-- Without looking at everybody: a supervisor's answer is one row whatever the size of the floor, and an admin's role
-- is read once and not for each supervisor.
create or replace function private.visible_supervisors() returns setof uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_role text := private.viewer_role();
begin
  if v_role = 'admin' then
    return query select u.id from public.users u where u.role = 'supervisor';
  elsif v_role = 'supervisor' then
    return next private.viewer_id();
  end if;
end $$;

alter policy users_self_or_admin on public.users
  using ((select private.viewer_role()) = 'admin'
    or (id = (select private.viewer_id()) and (select private.viewer_role()) is not null));

-- Looked up by its id instead of among all that the agent ever had.
create function private.is_own(p_interaction_id uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select exists (select from public.interactions where id = p_interaction_id and agent_id = private.current_agent())
$$;
comment on function private.is_own(uuid) is 'Whether the interaction is of the agent whose key is in the claims.';
grant execute on function private.is_own(uuid) to agent_runtime;
alter policy interaction_turns_of_agent on public.interaction_turns using (private.is_own(interaction_id));
alter policy interaction_turns_by_agent on public.interaction_turns with check (private.is_own(interaction_id));
alter policy interaction_archives_of_agent on public.interaction_archives using (private.is_own(interaction_id));
alter policy interaction_archives_by_agent on public.interaction_archives with check (private.is_own(interaction_id));
alter policy interaction_archives_changed_by_agent on public.interaction_archives
  using (private.is_own(interaction_id)) with check (private.is_own(interaction_id));

-- What has ended is not the agent's to change, not even when the number was removed long after.
create function private.keep_ended() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if private.claim('key_id') is not null then
    raise exception 'the interaction has ended' using errcode = 'FW409';
  end if;
  return new;
end $$;
comment on function private.keep_ended() is 'Trigger: an agent changes nothing of an ended interaction. FW409.';
create trigger interactions_12_ended before update of phone_number, livekit_room_id on public.interactions
  for each row when (old.status <> 'active' and (old.phone_number, old.livekit_room_id)
    is distinct from (new.phone_number, new.livekit_room_id)) execute function private.keep_ended();

-- Triggers speak before policies: to an agent another's interaction is unknown, whatever became of it.
create function private.is_anothers(p_agent_id uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select private.claim('key_id') is not null and p_agent_id is distinct from private.current_agent()
$$;
comment on function private.is_anothers(uuid) is 'Whether an agent''s key asks, and this is not its agent.';

create or replace function private.attach_to_active() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_agent uuid;
begin
  -- Whoever moves or deletes the interaction at this moment comes first, and then we know what became of it.
  perform from public.interactions where id = new.interaction_id for key share;
  select supervisor_id, agent_id into new.supervisor_id, v_agent
  from public.interaction_pulse where interaction_id = new.interaction_id;
  if v_agent is null then
    select agent_id into v_agent from public.interactions where id = new.interaction_id;
    if v_agent is not null and not private.is_anothers(v_agent) then
      raise exception 'the interaction has ended' using errcode = 'FW409';
    end if;
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif private.is_anothers(v_agent) then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  return new;
end $$;

create or replace function private.attach_archive() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_interaction public.interactions;
begin
  select * into v_interaction from public.interactions where id = new.interaction_id for key share;
  if v_interaction.id is null or private.is_anothers(v_interaction.agent_id) then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif v_interaction.status = 'active' then
    raise exception 'the interaction is still active: end it, then archive it' using errcode = 'FW409';
  end if;
  new.supervisor_id := v_interaction.supervisor_id;
  return new;
end $$;

create or replace function private.open_interaction() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_agent public.agents;
begin
  select * into v_agent from public.agents where id = new.agent_id for no key update;
  if v_agent.id is null or private.is_anothers(v_agent.id) then
    raise exception 'there is no such agent' using errcode = 'FW404';
  elsif v_agent.agent_type <> new.interaction_type then
    raise exception 'a % agent takes no % interaction', v_agent.agent_type, new.interaction_type using errcode = 'FW422';
  elsif new.status = 'active' and v_agent.retired_at is not null then
    raise exception 'the agent is retired' using errcode = 'FW409';
  elsif new.status = 'active' and v_agent.paused_at is not null then
    raise exception 'the agent is paused and takes no new interaction' using errcode = 'FW409';
  end if;
  new.supervisor_id := v_agent.supervisor_id;
  return new;
end $$;

create or replace function private.open_tool_permission() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_pulse public.interaction_pulse;
  v_tool public.agent_tools;
begin
  -- The locks make us queue with the move of the interaction, and with its end, which cancels what is pending.
  perform from public.interactions where id = new.interaction_id for key share;
  select * into v_pulse from public.interaction_pulse where interaction_id = new.interaction_id for key share;
  if v_pulse.interaction_id is null then
    if exists (select from public.interactions where id = new.interaction_id and not private.is_anothers(agent_id)) then
      raise exception 'the interaction has ended' using errcode = 'FW409';
    end if;
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif private.is_anothers(v_pulse.agent_id) then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  select * into v_tool from public.agent_tools where agent_id = v_pulse.agent_id and tool_name = new.tool_name;
  new.agent_id := v_pulse.agent_id;
  new.supervisor_id := v_pulse.supervisor_id;
  new.known_tool := v_tool.id is not null;
  new.tool_description := coalesce(new.tool_description, v_tool.description);
  new.arguments_digest := pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(new.arguments::text, 'UTF8')), 'hex');
  new.requested_at := pg_catalog.clock_timestamp();
  new.expires_at := new.requested_at + pg_catalog.make_interval(secs => private.setting('permission_seconds'));
  new.status := 'pending';
  if v_tool.id is not null and not v_tool.requires_permission then
    new.rule := 'not_required';
  elsif exists (select from public.tool_grants g where g.interaction_id = new.interaction_id and g.tool_name = new.tool_name) then
    new.rule := 'grant';
  end if;
  if new.rule is not null then
    new.status := 'allowed';
    new.responded_at := new.requested_at;
    new.execute_before := new.requested_at + pg_catalog.make_interval(secs => private.setting('execute_seconds'));
  end if;
  return new;
end $$;

-- With an empty search path PostgreSQL still looks for types and tables among the caller's temporary ones first, and
-- runs a domain's check as the function's owner. Named last, they are never found in place of ours.
do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid from pg_catalog.pg_proc p
    where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
      and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e')
  loop
    execute pg_catalog.format('alter function %s set search_path = pg_catalog, pg_temp', v_function);
  end loop;
end $$;
