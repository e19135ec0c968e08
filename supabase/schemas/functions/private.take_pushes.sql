create function private.take_pushes(p_most integer, p_busy text[]) returns table(
  id bigint, endpoint text, host text, p256dh bytea, auth bytea, attempt integer, signal text, subject_id uuid, agent_name text,
  tool_name text, seconds integer)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from private.push_messages m where m.next_at <= pg_catalog.clock_timestamp() and (m.ends_at <= pg_catalog.clock_timestamp() or not case m.signal
    when 'critical' then exists (select from public.interaction_pulse p where p.interaction_id = m.subject_id and p.critical_until = 'infinity')
    when 'silent' then exists (select from public.interaction_pulse p where p.interaction_id = m.subject_id and p.silent_since is not null)
    else exists (select from public.tool_permissions t where t.id = m.subject_id and t.status = 'pending' and t.held_until is null)
      or exists (select from private.drills d where d.id = m.subject_id and d.outcome is null) end);
  return query
  with due as (
    select m.id, s.host from private.push_messages m join public.push_subscriptions s on s.id = m.subscription_id
    where m.next_at <= pg_catalog.clock_timestamp() and s.host <> all (p_busy)
    order by m.next_at limit 500 for no key update of m skip locked
  ), fair as (
    select f.id from (select due.id, pg_catalog.row_number() over (partition by due.host order by due.id) as place from due) f
    where f.place <= 4 order by f.place, f.id limit greatest(0, least(p_most, 100))
  ), taken as (
    update private.push_messages m set attempts = m.attempts + 1, next_at = pg_catalog.clock_timestamp() + interval '30 seconds'
    from fair where m.id = fair.id returning m.*
  )
  select t.id, s.endpoint, s.host, s.p256dh, s.auth, t.attempts, t.signal, t.subject_id, t.agent_name, t.tool_name,
    greatest(1, extract(epoch from t.ends_at - pg_catalog.clock_timestamp()))::integer
  from taken t join public.push_subscriptions s on s.id = t.subscription_id;
end $$;
comment on function private.take_pushes(integer, text[]) is
  'At most so many messages that are due, four a host, each for 30 s; seconds: how long it may still call. Those that are too late, or whose request was answered or trouble ended meanwhile, are deleted.';
grant execute on function private.take_pushes(integer, text[]) to floorwalker_web;
