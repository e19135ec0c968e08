create function private.waiting_in_turn(p_supervisor_ids uuid[], p_limit integer) returns table(ids uuid[], more bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_soon timestamptz := pg_catalog.clock_timestamp() + interval '60 seconds';
begin
  if p_supervisor_ids is null then
    return query
    select pg_catalog.array_agg(f.id order by f.place) filter (where f.place <= p_limit),
      pg_catalog.count(*) filter (where f.place > p_limit)
    from (select o.*, pg_catalog.row_number() over (order by o.expires_at < v_soon desc, o.turn, o.requested_at, o.id) as place
      from (select t.id, t.requested_at, t.expires_at, pg_catalog.row_number() over (partition by t.agent_id order by t.requested_at, t.id) as turn
        from public.tool_permissions t where t.status = 'pending') o) f;
  else
    return query
    select pg_catalog.array_agg(f.id order by f.place) filter (where f.place <= p_limit),
      pg_catalog.count(*) filter (where f.place > p_limit)
    from (select o.*, pg_catalog.row_number() over (order by o.expires_at < v_soon desc, o.turn, o.requested_at, o.id) as place
      from (select t.id, t.requested_at, t.expires_at, pg_catalog.row_number() over (partition by t.agent_id order by t.requested_at, t.id) as turn
        from public.tool_permissions t where t.status = 'pending' and t.supervisor_id = any (p_supervisor_ids)) o) f;
  end if;
end $$;
comment on function private.waiting_in_turn(uuid[], integer) is
  'Pending tool permissions up to a number: those that expire within a minute, then the oldest of each agent, then the second of each; and how many more there are. Of these supervisors, or all visible ones.';
grant execute on function private.waiting_in_turn(uuid[], integer) to authenticated;
