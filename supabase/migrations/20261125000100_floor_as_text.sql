-- A floor is read for nearly every metric: it is put together as the text that it leaves as (json), where jsonb was a
-- tree that was built, taken apart and written out; and whose rows a person sees is asked with one call less a table.

create or replace function private.visible_supervisors() returns setof uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  -- As private.viewer_id() has it.
  v_sub text := nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';
  v_viewer uuid := case when v_sub ~ '^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$' then v_sub::uuid end;
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

drop function private.floor(jsonb);
create function private.floor(p_arguments jsonb) returns json
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
  v_asked uuid[] := array(
    (select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status = 'pending'
      order by t.requested_at, t.id limit 50)
    union all
    (select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status <> 'pending'
      and t.rule is null and t.responded_at > pg_catalog.now() - interval '10 minutes'
      order by t.responded_at desc limit 5));
  v_pending json;
  v_answered json;
begin
  if v_asked <> '{}' then
    select
      pg_catalog.json_agg(pg_catalog.json_build_object(
        'id', t.id, 'tool_name', t.tool_name, 'tool_description', t.tool_description, 'arguments', t.arguments::text,
        'known_tool', t.known_tool, 'status', t.status, 'requested_at', t.requested_at, 'expires_at', t.expires_at,
        'interaction_id', t.interaction_id, 'agent_name', a.name, 'interaction_type', a.agent_type,
        'phone_number', p.phone_number, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
        'feed', coalesce(p.feed, '[]')) order by t.requested_at, t.id) filter (where t.status = 'pending'),
      pg_catalog.json_agg(pg_catalog.json_build_object(
        'id', t.id, 'tool_name', t.tool_name, 'status', t.status, 'reason', t.reason,
        'responded_by_name', t.responded_by_name, 'responded_at', t.responded_at, 'executed_at', t.executed_at,
        'agent_name', a.name) order by t.responded_at desc) filter (where t.status <> 'pending')
    into v_pending, v_answered
    from public.tool_permissions t
    join public.agents a on a.id = t.agent_id
    left join public.interaction_pulse p on p.interaction_id = t.interaction_id
    where t.id = any (v_asked);
  end if;
  return pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
        'id', a.id, 'name', a.name, 'agent_type', a.agent_type, 'status', a.status, 'paused_at', a.paused_at,
        'interaction', case when p.interaction_id is not null then pg_catalog.json_build_object(
          'id', p.interaction_id, 'started_at', p.started_at, 'phone_number', p.phone_number,
          'last_seen_at', p.last_seen_at, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
          'scores', p.scores, 'feed', p.feed) end,
        'last', case when p.interaction_id is null then (
          select pg_catalog.json_build_object('ended_at', l.ended_at, 'status', l.status, 'csat_score', r.csat_score)
          from public.interactions l left join public.interaction_archives r on r.interaction_id = l.id
          where l.agent_id = a.id and l.status <> 'active' order by l.ended_at desc limit 1) end) order by a.slot), '[]')
      from public.agents a
      left join public.interaction_pulse p on p.agent_id = a.id
      where a.supervisor_id = v_supervisor and a.retired_at is null),
    'tool_permissions', coalesce(v_pending, '[]'),
    'answered', coalesce(v_answered, '[]'));
end $$;
comment on function private.floor(jsonb) is 'A supervisor''s floor {supervisor_id}, through the reader''s own row-level security. FW422 for what is no id.';
revoke all on function private.floor(jsonb) from public;
grant execute on function private.floor(jsonb) to authenticated;

drop function private.read_audiences(jsonb);
create function private.read_audiences(p_wanted jsonb)
returns table (shown json, failure text)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_one jsonb;
begin
  if coalesce(pg_catalog.jsonb_typeof(p_wanted), 'null') <> 'array' then
    raise exception 'audiences are a list of {claims, page, arguments}' using errcode = 'FW422';
  end if;
  perform pg_catalog.set_config('role', 'authenticated', true);
  for v_one in select value from pg_catalog.jsonb_array_elements(p_wanted) loop
    shown := null;
    failure := null;
    begin
      perform pg_catalog.set_config('request.jwt.claims', v_one ->> 'claims', true);
      case v_one ->> 'page'
        when 'floor' then shown := private.floor(v_one -> 'arguments');
        when 'wallboard' then shown := private.wallboard(v_one -> 'arguments');
        when 'waiting' then shown := private.waiting(v_one -> 'arguments');
        when 'interaction' then shown := private.interaction(v_one -> 'arguments');
        else failure := 'unknown page';
      end case;
    exception when others then
      failure := sqlerrm;
    end;
    return next;
  end loop;
end $$;
comment on function private.read_audiences(jsonb) is 'What each audience''s page shows, read under its own claims and row-level security. FW422 for what is no list.';
revoke all on function private.read_audiences(jsonb) from public;
grant execute on function private.read_audiences(jsonb) to floorwalker_web;
