create function public.remove_interaction_tag(p_interaction_id uuid, p_tag text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions := private.reviewed_interaction(p_interaction_id);
begin
  delete from public.interaction_tags where interaction_id = v_interaction.id and tag = p_tag;
  return found;
end $$;
comment on function public.remove_interaction_tag(uuid, text) is
  'Removes a tag that a person gave to an interaction; whether it was there. FW404.';
grant execute on function public.remove_interaction_tag(uuid, text) to authenticated;
