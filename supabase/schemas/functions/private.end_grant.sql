create function private.end_grant(p_id uuid, p_how text, p_by uuid, p_by_name text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction uuid := (select interaction_id from public.tool_grants where id = p_id);
  v_done boolean;
begin
  -- The common lock order: the interaction, its pulse, then the grant.
  perform from public.interactions where id = v_interaction for key share;
  perform from public.interaction_pulse where interaction_id = v_interaction for no key update;
  update public.tool_grants set ended_at = pg_catalog.clock_timestamp(), ended_how = p_how, ended_by = p_by, ended_by_name = p_by_name
  where id = p_id and ended_at is null;
  v_done := found;
  return v_done;
end $$;
comment on function private.end_grant(uuid, text, uuid, text) is
  'Ends a grant; false when it had ended.';
