create function private.score_to_change(p_interaction_id uuid) returns public.interaction_scores
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions := private.reviewed_interaction(p_interaction_id);
  v_score public.interaction_scores;
begin
  if v_interaction.status = 'active' then
    raise exception 'an interaction is scored when it has ended' using errcode = 'FW409';
  end if;
  select * into v_score from public.interaction_scores where interaction_id = v_interaction.id;
  if v_score.by_admin and private.viewer_role() <> 'admin' then
    raise exception 'an admin has scored this interaction, so only admins change the score' using errcode = 'FW409';
  end if;
  v_score.interaction_id := v_interaction.id;
  v_score.supervisor_id := v_interaction.supervisor_id;
  return v_score;
end $$;
comment on function private.score_to_change(uuid) is
  'The score of an interaction that the viewer may score, with null as its id where there is none yet. FW404, FW409.';
