create function private.floor(p_arguments jsonb) returns json
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(
        (a.value - 'row_version') || pg_catalog.jsonb_build_object('mark', a.value -> 'row_version') order by a.place), '[]')
      from pg_catalog.jsonb_array_elements((f.shown -> 'agents')::jsonb) with ordinality as a (value, place)),
    'tool_permissions', f.shown -> 'tool_permissions',
    'more', f.shown -> 'more',
    'answered', f.shown -> 'answered')
  from (select private.floor_v2(p_arguments) as shown) f
$$;
comment on function private.floor(jsonb) is
  'floor_v2 with the name mark for row_version, for the server of the release before: to be dropped with the next one.';
grant execute on function private.floor(jsonb) to authenticated;
