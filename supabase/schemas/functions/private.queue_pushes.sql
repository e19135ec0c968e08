create function private.queue_pushes() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count integer;
begin
  if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker pushes', 0)) then
    return null;
  end if;
  with due as (
    select * from private.due_signals()
  ), fresh as (
    insert into private.given_signals (user_id, signal, subject_id, since)
    select d.user_id, d.signal, d.subject_id, d.since from due d
    on conflict do nothing returning user_id, signal, subject_id, since
  )
  insert into private.push_messages (subscription_id, signal, subject_id, agent_name, tool_name, ends_at)
  select s.id, d.signal, d.subject_id, a.name, d.tool_name, d.ends_at
  from fresh f join due d using (user_id, signal, subject_id, since)
  join public.push_subscriptions s on s.user_id = d.user_id and s.created_at <= d.at
  join public.agents a on a.id = d.agent_id;
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function private.queue_pushes() is
  'Queues what calls people who have no page open, once each; how many messages, or null while another process is at it.';
grant execute on function private.queue_pushes() to floorwalker_web;
