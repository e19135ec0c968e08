-- The same answers for less: what every policy asks and what every ring reads is planned once a connection, not each
-- time (a function in SQL that changes search_path is never inlined, and before PostgreSQL 18 is planned anew at every
-- call), and looks at the details of a tool permission only where there is one.

create or replace function private.viewer_id() returns uuid
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_sub text := nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';
begin
  return case when v_sub ~ '^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$' then v_sub::uuid end;
end $$;

create or replace function private.viewer_role() returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_viewer uuid := private.viewer_id();
begin
  return (select u.role from public.users u where u.id = v_viewer and u.deactivated_at is null
    and (u.banned_until is null or u.banned_until <= pg_catalog.now()));
end $$;

-- Each policy asks this once a statement: so it reads the role itself instead of asking viewer_role().
create or replace function private.visible_supervisors() returns setof uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_viewer uuid := private.viewer_id();
  v_role text;
begin
  select u.role into v_role from public.users u where u.id = v_viewer and u.deactivated_at is null
    and (u.banned_until is null or u.banned_until <= pg_catalog.now());
  if v_role = 'admin' then
    return query select u.id from public.users u where u.role = 'supervisor';
  elsif v_role = 'supervisor' then
    return next v_viewer;
  end if;
end $$;

create or replace function private.live_permissions(p_supervisor_ids uuid[], p_limit integer) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_ids uuid[];
begin
  if p_supervisor_ids is null then
    v_ids := array(select t.id from public.tool_permissions t where t.status = 'pending'
      order by t.requested_at, t.id limit greatest(p_limit, 0));
  else
    v_ids := array(select t.id from public.tool_permissions t
      where t.status = 'pending' and t.supervisor_id = any (p_supervisor_ids)
      order by t.requested_at, t.id limit greatest(p_limit, 0));
  end if;
  if v_ids = '{}' then
    return '[]';
  end if;
  return (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
      'id', t.id, 'tool_name', t.tool_name, 'tool_description', t.tool_description, 'arguments', t.arguments::text,
      'known_tool', t.known_tool, 'status', t.status, 'requested_at', t.requested_at, 'expires_at', t.expires_at,
      'interaction_id', t.interaction_id, 'agent_name', a.name, 'interaction_type', a.agent_type,
      'phone_number', i.phone_number, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
      'feed', coalesce(p.feed, '[]')) order by t.requested_at, t.id), '[]')
    from public.tool_permissions t
    join public.agents a on a.id = t.agent_id
    join public.interactions i on i.id = t.interaction_id
    left join public.interaction_pulse p on p.interaction_id = t.interaction_id
    where t.id = any (v_ids));
end $$;

create or replace function private.answered_permissions(p_supervisor_ids uuid[]) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_since timestamptz := pg_catalog.now() - interval '10 minutes';
  v_ids uuid[];
begin
  if p_supervisor_ids is null then
    v_ids := array(select t.id from public.tool_permissions t
      where t.status <> 'pending' and t.rule is null and t.responded_at > v_since
      order by t.responded_at desc limit 5);
  else
    v_ids := array(select t.id from public.tool_permissions t
      where t.status <> 'pending' and t.rule is null and t.responded_at > v_since and t.supervisor_id = any (p_supervisor_ids)
      order by t.responded_at desc limit 5);
  end if;
  if v_ids = '{}' then
    return '[]';
  end if;
  return (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(d) order by d.responded_at desc), '[]')
    from (
      select t.id, t.tool_name, t.status, t.reason, t.responded_by_name, t.responded_at, t.executed_at, a.name as agent_name
      from public.tool_permissions t join public.agents a on a.id = t.agent_id
      where t.id = any (v_ids)) d);
end $$;

create or replace function private.floor(p_arguments jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
begin
  return pg_catalog.jsonb_build_object(
    'agents', (
      select coalesce(pg_catalog.jsonb_agg(c.card order by c.slot), '[]')
      from (
        select a.slot, pg_catalog.jsonb_build_object(
          'id', a.id, 'name', a.name, 'agent_type', a.agent_type, 'status', a.status, 'paused_at', a.paused_at,
          'interaction', case when i.id is not null then pg_catalog.jsonb_build_object(
            'id', i.id, 'started_at', i.started_at, 'phone_number', i.phone_number, 'last_seen_at', p.last_seen_at,
            'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
            'scores', pg_catalog.to_jsonb(p.scores), 'feed', p.feed) end,
          'last', (select pg_catalog.jsonb_build_object('ended_at', l.ended_at, 'status', l.status, 'csat_score', r.csat_score)
                   from public.interactions l left join public.interaction_archives r on r.interaction_id = l.id
                   where i.id is null and l.agent_id = a.id and l.status <> 'active'
                   order by l.ended_at desc limit 1)) as card
        from public.agents a
        left join public.interactions i on i.agent_id = a.id and i.status = 'active'
        left join public.interaction_pulse p on p.interaction_id = i.id
        where a.supervisor_id = v_supervisor and a.retired_at is null
      ) c),
    'tool_permissions', private.live_permissions(array[v_supervisor], 50),
    'answered', private.answered_permissions(array[v_supervisor]));
end $$;
