create function private.show_grants() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update public.interaction_pulse p set grants = (
    select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', g.id, 'tool_name', g.tool_name, 'words', private.grant_words(g),
      'uses', g.uses, 'max_uses', g.max_uses, 'used_sum', g.used_sum, 'expires_at', g.expires_at, 'granted_by_name', g.granted_by_name) order by g.created_at, g.id)
    from public.tool_grants g where g.interaction_id = p.interaction_id and g.ended_at is null)
  where p.interaction_id = new.interaction_id;
  perform pg_catalog.pg_notify('floor', 'tool_permissions:' || new.supervisor_id);
  return null;
end $$;
comment on function private.show_grants() is
  'Trigger: the pulse of the interaction shows its grants, and pages that show the interaction read it again.';
