-- A card marks what differs from the last request for the same tool that was allowed; requests that expire within a minute come first.

alter table public.tool_permissions add column compared_with uuid;
comment on column public.tool_permissions.compared_with is
  'The last request for the same tool that was allowed on this floor when this one arrived: its card shows what differs. No foreign key, because a request that is gone is nothing to compare with.';
-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; decisions of people are few
create index tool_permissions_last_allowed on public.tool_permissions (supervisor_id, tool_name, responded_at desc) where status = 'allowed';

create or replace function private.compare_with_last() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Chosen once, when the request arrives, so that what its card marks does not change under the eyes of the reader.
  new.compared_with := (select t.id from public.tool_permissions t
    where t.supervisor_id = new.supervisor_id and t.tool_name = new.tool_name and t.status = 'allowed'
    order by t.responded_at desc limit 1);
  return new;
end $$;
comment on function private.compare_with_last() is
  'Trigger: notes the last request for the same tool that was allowed on this floor.';

create or replace function private.waiting_in_turn(p_supervisor_ids uuid[], p_limit integer) returns table(ids uuid[], more bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_soon timestamptz := pg_catalog.clock_timestamp() + interval '60 seconds';
begin
  if p_supervisor_ids is null then
    return query
    select pg_catalog.array_agg(f.id order by f.expires_at < v_soon desc, f.turn, f.requested_at, f.id) filter (where f.place <= p_limit),
      pg_catalog.count(*) filter (where f.place > p_limit)
    from (select o.*, pg_catalog.row_number() over (order by o.turn, o.requested_at, o.id) as place
      from (select t.id, t.requested_at, t.expires_at, pg_catalog.row_number() over (partition by t.agent_id order by t.requested_at, t.id) as turn
        from public.tool_permissions t where t.status = 'pending') o) f;
  else
    return query
    select pg_catalog.array_agg(f.id order by f.expires_at < v_soon desc, f.turn, f.requested_at, f.id) filter (where f.place <= p_limit),
      pg_catalog.count(*) filter (where f.place > p_limit)
    from (select o.*, pg_catalog.row_number() over (order by o.turn, o.requested_at, o.id) as place
      from (select t.id, t.requested_at, t.expires_at, pg_catalog.row_number() over (partition by t.agent_id order by t.requested_at, t.id) as turn
        from public.tool_permissions t where t.status = 'pending' and t.supervisor_id = any (p_supervisor_ids)) o) f;
  end if;
end $$;
comment on function private.waiting_in_turn(uuid[], integer) is
  'Pending tool permissions up to a number: the oldest of each agent, then the second of each, and among these those first that expire within a minute; and how many more there are. Of these supervisors, or all visible ones.';
grant execute on function private.waiting_in_turn(uuid[], integer) to authenticated;

create trigger tool_permissions_20_compare before insert on public.tool_permissions for each row
  execute function private.compare_with_last();

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
    p.caller,
    coalesce(p.is_test, false) as is_test,
    l.arguments::text as last_arguments,
    l.responded_at as last_allowed_at,
    p.grants
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id
     left join public.agent_tools g on g.agent_id = t.agent_id and g.tool_name = t.tool_name
     left join public.interaction_pulse p on p.interaction_id = t.interaction_id
     left join public.tool_permissions l on l.id = t.compared_with and l.arguments::text <> '{}';
comment on view private.tool_permission_cards is
  'The card of a pending tool permission. The arguments are text, exactly as they were sent.';
grant select on private.tool_permission_cards to authenticated;
