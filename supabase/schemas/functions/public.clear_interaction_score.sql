create function public.clear_interaction_score(p_interaction_id uuid) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_score public.interaction_scores := private.score_to_change(p_interaction_id);
begin
  delete from public.interaction_scores where id = v_score.id;
  return found;
end $$;
comment on function public.clear_interaction_score(uuid) is
  'Deletes the score of an interaction, which may then be scored by the present criteria; whether there was one. FW404, FW409.';
grant execute on function public.clear_interaction_score(uuid) to authenticated;
