create function private.lapse_grants_of() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.end_grant(g.id, 'lapsed', null, null)
  from (select id from public.tool_grants where granted_by = new.id and ended_at is null order by interaction_id, id) g;
  return null;
end $$;
comment on function private.lapse_grants_of() is
  'Trigger: a person may no longer decide, so their grants end.';
