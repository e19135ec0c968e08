create function private.reviewed_interaction(p_interaction_id uuid) returns public.interactions
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
begin
  -- The lock comes first, as in every function that changes what belongs to an interaction.
  select * into v_interaction from public.interactions
  where id = p_interaction_id and supervisor_id = any (private.visible_supervisor_ids()) for no key update;
  if not found then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  return v_interaction;
end $$;
comment on function private.reviewed_interaction(uuid) is
  'The interaction, locked, of which the viewer writes a review. FW404 when it is not theirs to see.';
