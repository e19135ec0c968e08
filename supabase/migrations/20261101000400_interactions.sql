-- Interactions (voice or chat) and the pulse, the one row of each active interaction that live pages read.

create table public.interactions (
  id uuid primary key default pg_catalog.gen_random_uuid(),
  agent_id uuid not null,
  supervisor_id uuid not null,
  phone_number text check (phone_number ~ '^\+[1-9][0-9]{6,14}$'),
  interaction_type text not null check (interaction_type in ('voice', 'chat')),
  livekit_room_id text check (pg_catalog.length(livekit_room_id) <= 255),
  external_id text check (pg_catalog.length(external_id) between 1 and 255),
  status text not null default 'active' check (status in ('active', 'completed', 'failed')),
  started_at timestamptz not null default pg_catalog.now(),
  ended_at timestamptz,
  duration_seconds integer generated always as ((extract(epoch from (ended_at - started_at)))::integer) stored,
  created_at timestamptz not null default pg_catalog.now(),
  constraint interactions_ended check ((status = 'active') = (ended_at is null)),
  constraint interactions_forward check (ended_at >= started_at),
  -- Same type as the agent, and along with it to another supervisor.
  constraint interactions_agent foreign key (agent_id, supervisor_id, interaction_type)
    references public.agents (id, supervisor_id, agent_type) on update cascade on delete restrict,
  constraint interactions_owner unique (id, supervisor_id),
  constraint interactions_external unique (agent_id, external_id)
);
comment on table public.interactions is 'One contact of a customer with an agent. Nothing hot is written here: see interaction_pulse.';
comment on column public.interactions.phone_number is 'E.164, null until the agent has asked for it.';
comment on column public.interactions.external_id is 'The caller''s own id of it, unique for an agent.';
create unique index interactions_one_active on public.interactions (agent_id) where status = 'active';
create index interactions_agent_status on public.interactions (agent_id, status, started_at desc);
create index interactions_phone_started on public.interactions (phone_number, started_at desc);
create index interactions_supervisor_started on public.interactions (supervisor_id, started_at desc);
create index interactions_active on public.interactions (supervisor_id) where status = 'active';
create index interactions_phone_search on public.interactions using gin (phone_number gin_trgm_ops);

create table public.interaction_pulse (
  interaction_id uuid primary key,
  agent_id uuid not null references public.agents (id),
  supervisor_id uuid not null,
  last_seen_at timestamptz not null default pg_catalog.clock_timestamp(),
  captured_at timestamptz,
  sentiment text check (sentiment in ('good', 'neutral', 'critical')),
  satisfaction_score numeric(5, 2) check (satisfaction_score between 0 and 100),
  scores numeric(5, 2)[] not null default '{}',
  feed jsonb not null default '[]',
  constraint interaction_pulse_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions (id, supervisor_id) on update cascade on delete cascade
) with (fillfactor = 50);
comment on table public.interaction_pulse is 'One row an active interaction, kept by realtime_metrics: what the floor and the wallboard read.';
comment on column public.interaction_pulse.last_seen_at is 'When anything was last heard of it, by the database''s clock.';
comment on column public.interaction_pulse.scores is 'The last 60 satisfaction scores, oldest first.';
comment on column public.interaction_pulse.feed is 'The last 3 feed lines [{at, text}], newest first.';
create index interaction_pulse_supervisor on public.interaction_pulse (supervisor_id);
create index interaction_pulse_agent on public.interaction_pulse (agent_id);
create index interaction_pulse_owner on public.interaction_pulse (interaction_id, supervisor_id);

revoke all on public.interactions, public.interaction_pulse from anon, authenticated, service_role;
grant select on public.interactions, public.interaction_pulse to authenticated, agent_runtime, service_role;
grant insert (agent_id, phone_number, interaction_type, livekit_room_id, external_id),
  update (phone_number, livekit_room_id, status) on public.interactions to agent_runtime;
grant insert, update, delete on public.interactions to service_role;

alter table public.interactions enable row level security;
alter table public.interaction_pulse enable row level security;
create policy interactions_visible on public.interactions for select to authenticated
  using (supervisor_id = any (array(select private.visible_supervisors())));
create policy interactions_of_agent on public.interactions for select to agent_runtime
  using (agent_id = (select private.current_agent()));
create policy interactions_started_by_agent on public.interactions for insert to agent_runtime
  with check (agent_id = (select private.current_agent()));
create policy interactions_changed_by_agent on public.interactions for update to agent_runtime
  using (agent_id = (select private.current_agent())) with check (agent_id = (select private.current_agent()));
create policy interaction_pulse_visible on public.interaction_pulse for select to authenticated
  using (supervisor_id = any (array(select private.visible_supervisors())));
create policy interaction_pulse_of_agent on public.interaction_pulse for select to agent_runtime
  using (agent_id = (select private.current_agent()));

create function private.open_interaction() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  v_agent public.agents;
begin
  select * into v_agent from public.agents where id = new.agent_id for no key update;
  if v_agent.id is null then
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
comment on function private.open_interaction() is 'Trigger: fills the supervisor; FW409 for a paused or retired agent, FW422 for the wrong type.';
create trigger interactions_10_open before insert on public.interactions
  for each row execute function private.open_interaction();

create function private.end_interaction() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if old.status <> 'active' and new.status is distinct from old.status then
    raise exception 'the interaction already ended as %', old.status using errcode = 'FW409';
  end if;
  if old.status = 'active' and new.status <> 'active' then
    -- The agent before the change, as when an interaction starts: the two never wait for one another crosswise.
    perform from public.agents where id = old.agent_id for no key update;
    new.ended_at := greatest(coalesce(new.ended_at, pg_catalog.clock_timestamp()), new.started_at);
  end if;
  return new;
end $$;
comment on function private.end_interaction() is 'Trigger: an interaction ends once; sets ended_at. FW409 for a second, different end.';
create trigger interactions_11_end before update of status, ended_at on public.interactions
  for each row execute function private.end_interaction();

create function private.derive_agent_status() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  new.status := coalesce(
    (select case i.interaction_type when 'voice' then 'in_call' else 'in_chat' end
     from public.interactions i where i.agent_id = new.id and i.status = 'active'),
    case when new.paused_at is not null then 'paused' else 'idle' end);
  return new;
end $$;
comment on function private.derive_agent_status() is 'Trigger: agents.status follows its interactions and paused_at, whatever was written.';
create trigger agents_20_status before insert or update of status, paused_at on public.agents
  for each row execute function private.derive_agent_status();

create function private.follow_interaction() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'INSERT' and new.status = 'active' then
    insert into public.interaction_pulse (interaction_id, agent_id, supervisor_id)
    values (new.id, new.agent_id, new.supervisor_id);
  elsif tg_op = 'UPDATE' and new.status <> 'active' then
    delete from public.interaction_pulse where interaction_id = new.id;
    update public.tool_permissions set status = 'cancelled', responded_at = pg_catalog.clock_timestamp()
    where interaction_id = new.id and status = 'pending';
  end if;
  update public.agents set status = status where id = new.agent_id;
  return null;
end $$;
comment on function private.follow_interaction() is 'Trigger: pulse, pending tool permissions and the agent''s status follow the start and end of an interaction.';
create trigger interactions_20_follow_insert after insert on public.interactions
  for each row execute function private.follow_interaction();
create trigger interactions_21_follow_end after update of status on public.interactions
  for each row when (old.status is distinct from new.status) execute function private.follow_interaction();

-- The service key may delete an active interaction; its agent is free then.
create function private.free_agent() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  update public.agents set status = status where id = old.agent_id;
  return null;
end $$;
comment on function private.free_agent() is 'Trigger: the agent of a deleted active interaction is idle or paused again.';
create trigger interactions_22_follow_delete after delete on public.interactions
  for each row when (old.status = 'active') execute function private.free_agent();

create trigger interactions_60_ring_insert after insert on public.interactions
  referencing new table as inserted for each statement execute function private.ring();
create trigger interactions_61_ring_update after update on public.interactions
  referencing old table as before new table as after for each statement execute function private.ring();
create trigger interactions_62_ring_delete after delete on public.interactions
  referencing old table as before for each statement execute function private.ring();

create function public.set_agent_paused(p_agent_id uuid, p_paused boolean) returns public.agents
language plpgsql security definer set search_path = '' as $$
declare
  v_agent public.agents;
begin
  update public.agents set paused_at = case when p_paused then coalesce(paused_at, pg_catalog.now()) end
  where id = p_agent_id and retired_at is null
    and supervisor_id = any (array(select private.visible_supervisors()))
  returning * into v_agent;
  if v_agent.id is null then
    raise exception 'there is no such agent' using errcode = 'FW404';
  end if;
  return v_agent;
end $$;
comment on function public.set_agent_paused(uuid, boolean) is 'Pauses or resumes one of the viewer''s agents; FW404 when it is not theirs. A running interaction goes on.';
grant execute on function public.set_agent_paused(uuid, boolean) to authenticated;
