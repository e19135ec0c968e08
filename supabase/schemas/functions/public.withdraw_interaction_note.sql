create function public.withdraw_interaction_note(p_id uuid) returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_note public.interaction_notes := private.own_note(p_id);
begin
  update public.interaction_notes set withdrawn_at = pg_catalog.now() where id = v_note.id and withdrawn_at is null returning * into v_note;
  return coalesce(v_note.withdrawn_at, (select n.withdrawn_at from public.interaction_notes n where n.id = p_id));
end $$;
comment on function public.withdraw_interaction_note(uuid) is
  'Hides the words of a note of the viewer from everybody else; when it was withdrawn. FW403, FW404, FW409.';
grant execute on function public.withdraw_interaction_note(uuid) to authenticated;
