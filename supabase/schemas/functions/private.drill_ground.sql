create function private.drill_ground(p_supervisor_id uuid) returns table(interaction_id uuid, tool_name text, tool_description text, arguments text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select p.interaction_id, l.tool_name, l.tool_description, l.arguments::text
  from (select * from public.interaction_pulse q where q.supervisor_id = p_supervisor_id and q.silent_since is null and not q.is_test
    order by pg_catalog.random() limit 1) p
  left join lateral (
    select t.tool_name, t.tool_description, t.arguments from (
      select n.* from public.tool_permissions n where n.supervisor_id = p_supervisor_id order by n.requested_at desc limit 200) t
    where t.agent_id = p.agent_id and t.status = 'allowed' and t.rule is null and coalesce(private.limited_amount(t.arguments, 'amount'), private.limited_amount(t.arguments, 'total'), private.limited_amount(t.arguments, 'price')) > 0
    order by t.requested_at desc limit 1) l on true
$$;
comment on function private.drill_ground(uuid) is
  'What a drill for this supervisor is made of: a live interaction, and the newest request with an amount that was allowed to its agent, among the last 200 of the floor; no row without a live interaction.';
