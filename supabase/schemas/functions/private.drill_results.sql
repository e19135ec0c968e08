create function private.drill_results(p_since timestamptz) returns table(supervisor_id uuid, username text, caught bigint, allowed bigint, missed bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select d.supervisor_id, u.username, pg_catalog.count(*) filter (where d.outcome = 'caught'), pg_catalog.count(*) filter (where d.outcome = 'allowed'),
    pg_catalog.count(*) filter (where d.outcome = 'missed')
  from private.drills d join public.users u on u.id = d.supervisor_id
  where d.created_at > p_since and d.outcome in ('caught', 'allowed', 'missed') and d.supervisor_id = any (array(select private.visible_supervisors()))
  group by d.supervisor_id, u.username order by u.username
$$;
comment on function private.drill_results(timestamptz) is
  'How drills ended since then, for each supervisor whom the viewer may see, by name. What waits is not told.';
grant execute on function private.drill_results(timestamptz) to authenticated;
