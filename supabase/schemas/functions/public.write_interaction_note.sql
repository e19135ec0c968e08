create function public.write_interaction_note(p_id uuid, p_interaction_id uuid, p_line text, p_words text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions := private.reviewed_interaction(p_interaction_id);
  v_words text := pg_catalog.btrim(p_words, E' \t\r\n');
  v_line text := nullif(p_line, '');
  v_note public.interaction_notes;
begin
  perform private.refuse_forgotten(v_interaction);
  if p_id is null then
    raise exception 'a note has an id' using errcode = 'FW422';
  elsif v_words is null or pg_catalog.length(v_words) not between 1 and 4000 then
    raise exception 'a note has 1 to 4,000 characters' using errcode = 'FW422';
  elsif v_line is not null and not (case
      when v_line ~ '^t[0-9]{1,18}$' then exists (
        select from public.interaction_turns t where t.id = pg_catalog.substr(v_line, 2)::bigint and t.interaction_id = v_interaction.id)
      when v_line ~ '^q[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then exists (
        select from public.tool_permissions t where t.id = pg_catalog.substr(v_line, 2)::uuid and t.interaction_id = v_interaction.id)
      else false end) then
    raise exception 'this interaction has no such line' using errcode = 'FW422';
  end if;
  select * into v_note from public.interaction_notes where id = p_id;
  if found then
    if v_note.interaction_id = v_interaction.id and v_note.author_id = private.viewer_id() then
      if v_note.line is distinct from v_line or v_words is distinct from (
          select w.words from public.interaction_note_versions w where w.note_id = p_id and w.version = 1) then
        raise exception 'this note was saved already, with other words or on another line' using errcode = 'FW409';
      end if;
      return v_note.version;  -- sent twice
    end if;
    raise exception 'this note was written already' using errcode = 'FW409';
  elsif (select pg_catalog.count(*) from public.interaction_notes where interaction_id = v_interaction.id) >= 100 then
    raise exception 'an interaction has 100 notes at most' using errcode = 'FW409';
  end if;
  insert into public.interaction_notes (id, interaction_id, supervisor_id, line, author_id, author_name)
  select p_id, v_interaction.id, v_interaction.supervisor_id, v_line, u.id, u.name from public.users u where u.id = private.viewer_id();
  insert into public.interaction_note_versions (note_id, version, words) values (p_id, 1, v_words);
  return 1;
end $$;
comment on function public.write_interaction_note(uuid, uuid, text, text) is
  'Writes a note of the viewer on an interaction or a line of it, once for one id; its version. FW404, FW409, FW422.';
grant execute on function public.write_interaction_note(uuid, uuid, text, text) to authenticated;
