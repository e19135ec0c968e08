create function private.drill_cards(p_supervisor_id uuid) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_drill private.drills;
  v_waiting jsonb;
  v_ended jsonb;
begin
  if p_supervisor_id is distinct from private.viewer_id() or not exists (
      select from private.drills d where d.supervisor_id = p_supervisor_id and d.created_at > pg_catalog.now() - interval '20 minutes')
      or private.viewer_role() is distinct from 'supervisor' then
    return null;
  end if;
  -- Of the newest five, which are all that ten minutes can have: a person gets five in 24 hours at most, and withdrawn ones are not shown.
  for v_drill in select * from private.drills d where d.supervisor_id = p_supervisor_id and d.created_at > pg_catalog.now() - interval '20 minutes' order by d.created_at desc limit 5 loop
    if v_drill.outcome is null then
      if v_drill.expires_at > pg_catalog.clock_timestamp() and private.drill_stands(v_drill) then
        v_waiting := private.show_drill(v_drill);
      end if;
    elsif v_drill.outcome <> 'withdrawn' and v_drill.ended_at > pg_catalog.now() - interval '10 minutes' then
      v_ended := coalesce(v_ended, '[]') || private.show_drill(v_drill);
    end if;
  end loop;
  if v_waiting is null and v_ended is null then
    return null;
  end if;
  return pg_catalog.json_build_object('waiting', v_waiting, 'ended', coalesce(v_ended, '[]'));
end $$;
comment on function private.drill_cards(uuid) is
  'The drill that waits on the viewer''s own floor {waiting, or null} and those that ended within ten minutes {ended}; null for none, and for anybody else''s floor.';
grant execute on function private.drill_cards(uuid) to authenticated;
