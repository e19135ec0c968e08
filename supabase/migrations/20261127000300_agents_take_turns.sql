-- An agent that asks for much hides nobody else's requests: so many of it are pending at most, and a page that cannot show
-- all shows each agent's oldest, then each agent's second, and so on, and says how many more there are. A card shows the
-- description that the tool's owner wrote, and what the agent says of it as the agent's words.

insert into private.settings (name, value) values ('pending_per_agent', 10) on conflict do nothing;

create or replace function private.open_tool_permission() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_pulse public.interaction_pulse;
  v_tool public.agent_tools;
  v_most integer;
begin
  -- Of two requests of an agent that come at once, the second counts the first. Before all other locks, as everybody who
  -- asks takes them in one order.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('pending of ' || i.agent_id::text, 0))
  from public.interactions i where i.id = new.interaction_id;
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
  elsif coalesce(v_tool.undo_seconds, 0) = 0 and exists (select from public.tool_grants g where g.interaction_id = new.interaction_id and g.tool_name = new.tool_name) then
    new.rule := 'grant';
  end if;
  if new.rule is null then
    v_most := private.setting('pending_per_agent');
    if (select pg_catalog.count(*) from (select from public.tool_permissions t
        where t.agent_id = new.agent_id and t.status = 'pending'
          and (t.held_until is not null or t.expires_at > pg_catalog.clock_timestamp()) limit v_most) p) >= v_most then
      raise exception 'the agent already has % pending requests: ask again when one is decided', v_most using errcode = 'FW429';
    end if;
    new.requested_at := pg_catalog.clock_timestamp();
    new.expires_at := new.requested_at + pg_catalog.make_interval(secs => private.setting('permission_seconds'));
  end if;
  if new.rule is not null then
    new.status := 'allowed';
    new.responded_at := new.requested_at;
    new.execute_before := new.requested_at + pg_catalog.make_interval(secs => private.setting('execute_seconds'));
  end if;
  return new;
end $$;
comment on function private.open_tool_permission() is 'Trigger: fills agent, supervisor and expiry; allows at once what needs no permission or is granted. FW409 on an ended interaction, FW404 on none, FW429 when the agent has too many pending.';

-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; few requests are pending
create index tool_permissions_pending_agent on public.tool_permissions (agent_id, requested_at) where status = 'pending';

create function private.waiting_in_turn(p_supervisor_ids uuid[], p_limit integer) returns table (ids uuid[], more bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if p_supervisor_ids is null then
    return query
    select pg_catalog.array_agg(f.id order by f.turn, f.requested_at, f.id) filter (where f.place <= p_limit),
      pg_catalog.count(*) filter (where f.place > p_limit)
    from (select o.*, pg_catalog.row_number() over (order by o.turn, o.requested_at, o.id) as place
      from (select t.id, t.requested_at, pg_catalog.row_number() over (partition by t.agent_id order by t.requested_at, t.id) as turn
        from public.tool_permissions t where t.status = 'pending') o) f;
  else
    return query
    select pg_catalog.array_agg(f.id order by f.turn, f.requested_at, f.id) filter (where f.place <= p_limit),
      pg_catalog.count(*) filter (where f.place > p_limit)
    from (select o.*, pg_catalog.row_number() over (order by o.turn, o.requested_at, o.id) as place
      from (select t.id, t.requested_at, pg_catalog.row_number() over (partition by t.agent_id order by t.requested_at, t.id) as turn
        from public.tool_permissions t where t.status = 'pending' and t.supervisor_id = any (p_supervisor_ids)) o) f;
  end if;
end $$;
comment on function private.waiting_in_turn(uuid[], integer) is
  'So many pending tool permissions, each agent''s oldest first, then each agent''s second; and how many more there are. Of these supervisors or all visible.';
revoke all on function private.waiting_in_turn(uuid[], integer) from public;
grant execute on function private.waiting_in_turn(uuid[], integer) to authenticated;

create or replace function private.permission_cards(p_ids uuid[]) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
begin
  if p_ids = '{}' then
    return '[]';
  end if;
  return (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'id', t.id, 'tool_name', t.tool_name, 'tool_description', t.tool_description, 'owner_description', g.description, 'arguments', t.arguments::text,
      'arguments_digest', t.arguments_digest, 'known_tool', t.known_tool, 'status', t.status, 'requested_at', t.requested_at,
      'expires_at', t.expires_at, 'held_by', t.held_by, 'held_by_name', t.held_by_name, 'held_until', t.held_until,
      'times_held', t.times_held, 'undo_seconds', g.undo_seconds,
      'interaction_id', t.interaction_id, 'agent_id', t.agent_id, 'agent_name', a.name, 'interaction_type', a.agent_type,
      'phone_number', i.phone_number, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
      'feed', coalesce(p.feed, '[]')) order by pg_catalog.array_position(p_ids, t.id)), '[]')
    from public.tool_permissions t
    join public.agents a on a.id = t.agent_id
    join public.interactions i on i.id = t.interaction_id
    left join public.agent_tools g on (g.agent_id, g.tool_name) = (t.agent_id, t.tool_name)
    left join public.interaction_pulse p on p.interaction_id = t.interaction_id
    where t.id = any (p_ids));
end $$;
comment on function private.permission_cards(uuid[]) is 'Tool permissions with what their cards show, in this order, through the reader''s own row-level security.';

create or replace function private.floor(p_arguments jsonb) returns json
language plpgsql stable set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
  v_known jsonb := p_arguments -> 'known';
  v_asked uuid[];
  v_pending json;
  v_answered json;
  v_more bigint := 0;
begin
  if p_arguments -> 'urgent' is distinct from 'false' or v_known ->> 'asked' is distinct from 'nothing' then
    select w.ids, w.more into v_asked, v_more from private.waiting_in_turn(array[v_supervisor], 50) w;
    v_asked := coalesce(v_asked, '{}') || array(
      select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status <> 'pending'
        and t.rule is null and t.responded_at > pg_catalog.now() - interval '10 minutes'
        order by t.responded_at desc limit 5);
  end if;
  if v_asked <> '{}' then
    select
      pg_catalog.json_agg(pg_catalog.json_build_object(
        'id', t.id, 'tool_name', t.tool_name, 'tool_description', t.tool_description, 'owner_description', g.description, 'arguments', t.arguments::text,
        'arguments_digest', t.arguments_digest, 'known_tool', t.known_tool, 'status', t.status, 'requested_at', t.requested_at,
        'expires_at', t.expires_at, 'held_by', t.held_by, 'held_by_name', t.held_by_name, 'held_until', t.held_until,
        'times_held', t.times_held, 'undo_seconds', g.undo_seconds,
        'interaction_id', t.interaction_id, 'agent_id', t.agent_id, 'agent_name', a.name, 'interaction_type', a.agent_type,
        'phone_number', p.phone_number, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
        'feed', coalesce(p.feed, '[]')) order by pg_catalog.array_position(v_asked, t.id)) filter (where t.status = 'pending'),
      pg_catalog.json_agg(pg_catalog.json_build_object(
        'id', t.id, 'tool_name', t.tool_name, 'arguments', t.arguments::text, 'status', t.status, 'reason', t.reason,
        'responded_by_name', t.responded_by_name, 'responded_at', t.responded_at, 'executed_at', t.executed_at,
        'agent_name', a.name) order by t.responded_at desc) filter (where t.status <> 'pending')
    into v_pending, v_answered
    from public.tool_permissions t
    join public.agents a on a.id = t.agent_id
    left join public.agent_tools g on (g.agent_id, g.tool_name) = (t.agent_id, t.tool_name)
    left join public.interaction_pulse p on p.interaction_id = t.interaction_id
    where t.id = any (v_asked);
  end if;
  return pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(
        case when r.mark = v_known ->> a.id::text then pg_catalog.json_build_object('id', a.id, 'mark', r.mark)
        else pg_catalog.json_build_object(
          'id', a.id, 'mark', r.mark, 'name', a.name, 'agent_type', a.agent_type, 'status', a.status, 'paused_at', a.paused_at,
          'interaction', case when p.interaction_id is not null then pg_catalog.json_build_object(
            'id', p.interaction_id, 'started_at', p.started_at, 'phone_number', p.phone_number,
            'last_seen_at', p.last_seen_at, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
            'scores', p.scores, 'feed', p.feed) end,
          'last', case when p.interaction_id is null then (
            select pg_catalog.json_build_object('ended_at', l.ended_at, 'status', l.status, 'csat_score', c.csat_score)
            from public.interactions l left join public.interaction_archives c on c.interaction_id = l.id
            where l.agent_id = a.id and l.status <> 'active' order by l.ended_at desc limit 1) end) end order by a.slot), '[]')
      from public.agents a
      left join public.interaction_pulse p on p.agent_id = a.id
      cross join lateral (select case when p.interaction_id is not null then a.xmin::text || ' ' || p.xmin::text end as mark) r
      where a.supervisor_id = v_supervisor and a.retired_at is null),
    'tool_permissions', coalesce(v_pending, '[]'),
    'more', v_more,
    'answered', coalesce(v_answered, '[]'));
end $$;

create or replace function private.waiting(p_arguments jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_chosen uuid[] := private.chosen_supervisors(p_arguments);
  v_turn record;
begin
  select w.ids, w.more into v_turn from private.waiting_in_turn(v_chosen, 60) w;
  return pg_catalog.jsonb_build_object(
    'tool_permissions', private.permission_cards(coalesce(v_turn.ids, '{}')), 'more', v_turn.more,
    'answered', private.answered_permissions(v_chosen));
end $$;

-- squawk-ignore ban-drop-function -- waiting_in_turn took its place; only private.waiting and the floor before this one called it
drop function private.live_permissions(uuid[], integer);
