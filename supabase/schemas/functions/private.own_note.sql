create function private.own_note(p_id uuid) returns public.interaction_notes
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_note public.interaction_notes;
begin
  select * into v_note from public.interaction_notes where id = p_id and supervisor_id = any (private.visible_supervisor_ids());
  if not found then
    raise exception 'there is no such note' using errcode = 'FW404';
  elsif v_note.author_id <> private.viewer_id() then
    raise exception 'a note is changed by its author alone' using errcode = 'FW403';
  end if;
  perform private.refuse_forgotten(private.reviewed_interaction(v_note.interaction_id));
  select * into v_note from public.interaction_notes where id = p_id for no key update;
  return v_note;
end $$;
comment on function private.own_note(uuid) is
  'A note of the viewer, locked with its interaction. FW403 for another author''s, FW404 for one that they may not see, FW409 for a forgotten interaction.';
