-- Of the first five hundred that are due, so that a long queue costs no more; a host with four attempts in this process is left
-- out by the caller, so that a slow one holds up no other.
create function private.take_deliveries(p_most integer, p_busy text[]) returns table (
  id bigint, event_id uuid, url text, host text, attempt integer, body jsonb)
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  with due as (
    select d.id, d.host from public.webhook_deliveries d
    where d.next_at <= pg_catalog.clock_timestamp() and d.host <> all (p_busy)
    order by d.next_at limit 500 for no key update skip locked
  ), fair as (
    select f.id from (select due.id, pg_catalog.row_number() over (partition by host order by due.id) as place from due) f
    where f.place <= 4 order by f.place, f.id limit greatest(0, least(p_most, 100))
  ), taken as (
    update public.webhook_deliveries d set attempts = d.attempts + 1, next_at = pg_catalog.clock_timestamp() + interval '60 seconds'
    from fair where d.id = fair.id returning d.*
  )
  select t.id, t.event_id, t.url, t.host, t.attempts, pg_catalog.jsonb_build_object('type', t.event, 'timestamp', t.created_at,
    'data', pg_catalog.jsonb_build_object('interaction_id', i.id, 'external_id', i.external_id, 'agent_id', i.agent_id,
      'interaction_type', i.interaction_type, 'status', i.status, 'end_reason', i.end_reason, 'started_at', i.started_at,
      'ended_at', i.ended_at, 'duration_seconds', i.duration_seconds, 'is_test', i.is_test,
      'custom_metadata', coalesce((select c.config_value from public.agent_config c
        where c.agent_id = i.agent_id and c.config_key = 'custom_metadata'), '{}')))
  from taken t join public.interactions i on i.id = t.interaction_id
$$;
comment on function private.take_deliveries(integer, text[]) is
  'At most so many deliveries that are due, four a host, each for 60 s: then another process may take it again. Body: what the receiver gets.';
grant execute on function private.take_deliveries(integer, text[]) to floorwalker_web, service_role;
