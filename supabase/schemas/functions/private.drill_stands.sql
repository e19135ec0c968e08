create function private.drill_stands(p_drill private.drills) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select (p_drill).outcome is null
    and exists (select from public.interaction_pulse p
      where p.interaction_id = (p_drill).interaction_id and p.supervisor_id = (p_drill).supervisor_id)
    and not exists (select from public.tool_permissions t where t.supervisor_id = (p_drill).supervisor_id and t.status = 'pending')
    and not exists (select from public.tool_permissions t
      where t.supervisor_id = (p_drill).supervisor_id and t.requested_at >= (p_drill).created_at and t.rule is null)
$$;
comment on function private.drill_stands(private.drills) is
  'Whether a drill still has its place: its interaction is live on that floor, and no request for a person has come since.';
