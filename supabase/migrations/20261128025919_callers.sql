-- A caller without a usable number is on the floor like any other: what stood where the number should is kept as text.

alter table public.interactions
  add column caller text,
  add column called_number text,
  -- squawk-ignore constraint-missing-not-valid -- the column is new and empty
  add constraint interactions_caller_check check (length(caller) <= 255),
  -- squawk-ignore constraint-missing-not-valid -- the column is new and empty
  add constraint interactions_called_number_check check (length(called_number) <= 255);
comment on column public.interactions.caller is
  'What stood where the number should, as it was sent, where it is no usable number or says more than a number. FCR goes by phone_number alone.';
comment on column public.interactions.called_number is
  'The number that was called, in E.164, or as it was sent where that cannot be read.';
comment on constraint interactions_caller_check on public.interactions is
  'caller has at most 255 characters';
comment on constraint interactions_called_number_check on public.interactions is
  'called_number has at most 255 characters';
-- pg_trgm is in the schema extensions, or still in public where the owner may not move it.
do $$
begin
  execute pg_catalog.format(
    'create index interactions_caller_search on public.interactions using gin (caller %I.gin_trgm_ops) where caller is not null',
    (select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
     where e.extname = 'pg_trgm'));
end $$;
grant insert (caller, called_number), update (caller, called_number) on public.interactions to agent_runtime;

alter table public.interaction_pulse add column caller text;
comment on column public.interaction_pulse.caller is
  'Of the interaction, as long as it is active.';
grant select (caller) on public.interaction_pulse to agent_runtime;

drop trigger interactions_12_ended on public.interactions;
drop trigger interactions_51_phone_number on public.interactions;

create or replace function private.follow_interaction() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' and new.status = 'active' then
    insert into public.interaction_pulse (interaction_id, agent_id, supervisor_id, started_at, phone_number, caller)
    values (new.id, new.agent_id, new.supervisor_id, new.started_at, new.phone_number, new.caller);
  elsif tg_op = 'UPDATE' and new.status <> 'active' then
    delete from public.interaction_pulse where interaction_id = new.id;
    update public.tool_permissions set status = 'cancelled', responded_at = pg_catalog.clock_timestamp()
    where interaction_id = new.id and status = 'pending';
  end if;
  update public.agents set status = status where id = new.agent_id;
  return null;
end $$;
comment on function private.follow_interaction() is
  'Trigger: pulse, pending tool permissions and the agent''s status follow the start and end of an interaction.';

create or replace function private.follow_phone_number() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update public.interaction_pulse set phone_number = new.phone_number, caller = new.caller where interaction_id = new.id;
  return null;
end $$;
comment on function private.follow_phone_number() is
  'Trigger: the pulse knows whose number it is, or what stands in its place, as soon as that is known.';

create or replace function private.forget(p_interaction_ids uuid[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  update public.interactions set anonymised_at = pg_catalog.now(), phone_number = null, caller = null, called_number = null,
    livekit_room_id = null, external_id = null, series = null
  where id = any (p_interaction_ids) and status <> 'active' and anonymised_at is null;
  update public.tool_permissions set arguments = '{}', reason = null, execution_result = null, tool_description = null
  where interaction_id = any (p_interaction_ids)
    and (arguments::text <> '{}' or reason is not null or execution_result is not null or tool_description is not null);
  update public.realtime_metrics set feed_text = null
  where interaction_id = any (p_interaction_ids) and feed_text is not null;
  delete from public.interaction_turns where interaction_id = any (p_interaction_ids);
$$;
comment on function private.forget(uuid[]) is
  'Removes numbers, callers, names of rooms, transcripts, feed lines, descriptions and arguments of ended interactions; who decided what, when and the digest stay.';

create or replace view private.interaction_cards with (security_invoker=true) as
 select p.interaction_id as id,
    p.agent_id,
    p.xmin::text as version,
    p.started_at,
    p.phone_number,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.scores,
    p.feed,
    p.grants,
    p.caller
   from public.interaction_pulse p;
comment on view private.interaction_cards is
  'What an agent''s card shows of the interaction that the agent is in. The version changes with the row.';
grant select on private.interaction_cards to authenticated;

create or replace view private.interaction_rows with (security_invoker=true) as
 select p.interaction_id as id,
    a.name as agent_name,
    u.username,
    a.agent_type as interaction_type,
    p.started_at,
    p.phone_number,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.feed -> 0 as feed,
    jsonb_array_length(p.grants) as grants,
    p.caller
   from public.interaction_pulse p
     join public.agents a on a.id = p.agent_id
     join public.users u on u.id = p.supervisor_id;
comment on view private.interaction_rows is
  'What the wallboard shows of an active interaction: the newest feed line, and how many grants.';
grant select on private.interaction_rows to authenticated;

create trigger interactions_12_ended before update of phone_number, livekit_room_id, caller,
    called_number on public.interactions for each row when (old.status <> 'active'
    and (old.phone_number is distinct from new.phone_number
    or old.livekit_room_id is distinct from new.livekit_room_id or old.caller is distinct from new.caller
    or old.called_number is distinct from new.called_number))
  execute function private.keep_ended();

create trigger interactions_51_phone_number after update of phone_number, caller on public.interactions
    for each row when (old.phone_number is distinct from new.phone_number
    or old.caller is distinct from new.caller)
  execute function private.follow_phone_number();

create or replace view private.interaction_heads with (security_invoker=true) as
 select i.id,
    i.status,
    i.interaction_type,
    i.phone_number,
    i.started_at,
    i.ended_at,
    i.duration_seconds,
    i.livekit_room_id,
    a.name as agent_name,
    u.username,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.grants,
    i.caller,
    i.called_number
   from public.interactions i
     join public.agents a on a.id = i.agent_id
     join public.users u on u.id = i.supervisor_id
     left join public.interaction_pulse p on p.interaction_id = i.id;
comment on view private.interaction_heads is
  'What the page of one interaction shows at its head.';
grant select on private.interaction_heads to authenticated;

create or replace view private.tool_permission_cards with (security_invoker=true) as
 select t.id,
    t.tool_name,
    t.tool_description,
    g.description as owner_description,
    t.arguments::text as arguments,
    t.arguments_digest,
    t.known_tool,
    t.status,
    t.requested_at,
    t.expires_at,
    t.held_by,
    t.held_by_name,
    t.held_until,
    t.times_held,
    g.undo_seconds,
    t.interaction_id,
    t.agent_id,
    a.name as agent_name,
    a.agent_type as interaction_type,
    p.phone_number,
    p.sentiment,
    p.satisfaction_score,
    coalesce(p.feed, '[]') as feed,
    p.caller
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id
     left join public.agent_tools g on g.agent_id = t.agent_id and g.tool_name = t.tool_name
     left join public.interaction_pulse p on p.interaction_id = t.interaction_id;
comment on view private.tool_permission_cards is
  'What the card of a pending tool permission shows. The arguments are text, exactly as they were sent.';
grant select on private.tool_permission_cards to authenticated;
