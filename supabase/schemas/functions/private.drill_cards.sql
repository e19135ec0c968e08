create function private.drill_cards(p_supervisor_id uuid) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_drill private.drills;
  v_waiting jsonb;
  v_ended jsonb := '[]';
begin
  if p_supervisor_id is distinct from private.viewer_id() then
    return null;
  end if;
  -- Nearly always there is none, which one look at an index tells. A day has five at most beside those that were withdrawn.
  for v_drill in
    select * from private.drills d where d.supervisor_id = p_supervisor_id and d.created_at > pg_catalog.now() - interval '1 day'
      and d.outcome is distinct from 'withdrawn' and coalesce(d.ended_at, 'infinity') > pg_catalog.now() - interval '10 minutes'
    order by d.created_at desc
  loop
    if private.viewer_role() is distinct from 'supervisor' then
      return null;
    elsif v_drill.outcome is not null then
      v_ended := v_ended || private.show_drill(v_drill);
    elsif v_drill.expires_at > pg_catalog.clock_timestamp() and private.drill_stands(v_drill) then
      v_waiting := private.show_drill(v_drill);
    end if;
  end loop;
  if v_waiting is null and v_ended = '[]' then
    return null;
  end if;
  return pg_catalog.json_build_object('waiting', v_waiting, 'ended', v_ended);
end $$;
comment on function private.drill_cards(uuid) is
  'The drill that waits on the viewer''s own floor {waiting, or null} and those that ended within ten minutes {ended}; null for none, and for anybody else''s floor.';
grant execute on function private.drill_cards(uuid) to authenticated;
