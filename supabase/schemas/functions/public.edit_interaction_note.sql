create function public.edit_interaction_note(p_id uuid, p_version integer, p_words text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_note public.interaction_notes := private.own_note(p_id);
  v_words text := pg_catalog.btrim(p_words, E' \t\r\n');
  v_present text;
begin
  if v_words is null or pg_catalog.length(v_words) not between 1 and 4000 then
    raise exception 'a note has 1 to 4,000 characters' using errcode = 'FW422';
  elsif v_note.withdrawn_at is not null then
    raise exception 'the note was withdrawn' using errcode = 'FW409';
  end if;
  select v.words into v_present from public.interaction_note_versions v where v.note_id = v_note.id and v.version = v_note.version;
  if v_present = v_words then
    return v_note.version;
  elsif p_version is distinct from v_note.version then
    raise exception 'the note was changed meanwhile, in another window' using errcode = 'FW409';
  elsif v_note.version >= 100 then
    raise exception 'a note has 100 versions at most: write another' using errcode = 'FW409';
  end if;
  insert into public.interaction_note_versions (note_id, version, words) values (v_note.id, v_note.version + 1, v_words);
  update public.interaction_notes set version = v_note.version + 1, changed_at = pg_catalog.now() where id = v_note.id;
  return v_note.version + 1;
end $$;
comment on function public.edit_interaction_note(uuid, integer, text) is
  'Gives a note of the viewer new words, if this is its present version; its version then. The earlier words stay. FW403, FW404, FW409, FW422.';
grant execute on function public.edit_interaction_note(uuid, integer, text) to authenticated;
