create function private.drill_card(p_id uuid) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select private.show_drill(d) from private.drills d
  where d.id = p_id and d.supervisor_id = private.viewer_id() and private.viewer_role() = 'supervisor'
    and (d.outcome is not null or private.drill_stands(d))
$$;
comment on function private.drill_card(uuid) is
  'What the card of a drill on the viewer''s own floor shows; none when there is no such drill.';
grant execute on function private.drill_card(uuid) to authenticated;
