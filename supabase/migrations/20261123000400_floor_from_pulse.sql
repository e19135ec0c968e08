-- A card holds nothing that is not in the pulse: the floor, which is read for every metric, no longer looks at
-- interactions, and at tool permissions once when there are none.

alter table public.interaction_pulse add column phone_number text;
comment on column public.interaction_pulse.phone_number is 'Of the interaction, as long as it is active.';
update public.interaction_pulse p set phone_number = i.phone_number from public.interactions i
where i.id = p.interaction_id and i.phone_number is not null;

create or replace function private.follow_interaction() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'INSERT' and new.status = 'active' then
    insert into public.interaction_pulse (interaction_id, agent_id, supervisor_id, started_at, phone_number)
    values (new.id, new.agent_id, new.supervisor_id, new.started_at, new.phone_number);
  elsif tg_op = 'UPDATE' and new.status <> 'active' then
    delete from public.interaction_pulse where interaction_id = new.id;
    update public.tool_permissions set status = 'cancelled', responded_at = pg_catalog.clock_timestamp()
    where interaction_id = new.id and status = 'pending';
  end if;
  update public.agents set status = status where id = new.agent_id;
  return null;
end $$;

create function private.follow_phone_number() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update public.interaction_pulse set phone_number = new.phone_number where interaction_id = new.id;
  return null;
end $$;
comment on function private.follow_phone_number() is 'Trigger: the pulse knows whose number it is, as soon as that is known.';
create trigger interactions_51_phone_number after update of phone_number on public.interactions
  for each row when (old.phone_number is distinct from new.phone_number) execute function private.follow_phone_number();

create or replace function private.floor(p_arguments jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
  v_asked boolean := exists (select from public.tool_permissions t where t.supervisor_id = v_supervisor
    and (t.status = 'pending' or (t.status <> 'pending' and t.responded_at > pg_catalog.now() - interval '10 minutes')));
begin
  return pg_catalog.jsonb_build_object(
    'agents', (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
        'id', a.id, 'name', a.name, 'agent_type', a.agent_type, 'status', a.status, 'paused_at', a.paused_at,
        'interaction', case when p.interaction_id is not null then pg_catalog.jsonb_build_object(
          'id', p.interaction_id, 'started_at', p.started_at, 'phone_number', p.phone_number,
          'last_seen_at', p.last_seen_at, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
          'scores', p.scores, 'feed', p.feed) end,
        'last', case when p.interaction_id is null then (
          select pg_catalog.jsonb_build_object('ended_at', l.ended_at, 'status', l.status, 'csat_score', r.csat_score)
          from public.interactions l left join public.interaction_archives r on r.interaction_id = l.id
          where l.agent_id = a.id and l.status <> 'active' order by l.ended_at desc limit 1) end) order by a.slot), '[]')
      from public.agents a
      left join public.interaction_pulse p on p.agent_id = a.id
      where a.supervisor_id = v_supervisor and a.retired_at is null),
    'tool_permissions', case when v_asked then private.live_permissions(array[v_supervisor], 50) else '[]' end,
    'answered', case when v_asked then private.answered_permissions(array[v_supervisor]) else '[]' end);
end $$;
