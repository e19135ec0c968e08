create function public.add_interaction_tag(p_interaction_id uuid, p_tag text) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions := private.reviewed_interaction(p_interaction_id);
  v_tag text := pg_catalog.lower(pg_catalog.btrim(pg_catalog.regexp_replace(pg_catalog.left(p_tag, 1000), '\s+', ' ', 'g')));
begin
  perform private.refuse_forgotten(v_interaction);
  if v_tag is null or pg_catalog.length(v_tag) not between 1 and 50 then
    raise exception 'a tag has 1 to 50 characters' using errcode = 'FW422';
  elsif (select pg_catalog.count(*) from public.interaction_tags t where t.interaction_id = v_interaction.id and t.tag <> v_tag) >= 20 then
    raise exception 'an interaction has 20 tags of people at most' using errcode = 'FW409';
  end if;
  insert into public.interaction_tags (interaction_id, supervisor_id, tag, added_by, added_by_name)
  select v_interaction.id, v_interaction.supervisor_id, v_tag, u.id, u.name from public.users u where u.id = private.viewer_id()
  on conflict do nothing;
  return v_tag;
end $$;
comment on function public.add_interaction_tag(uuid, text) is
  'Adds a tag to an interaction in lower case, and returns the tag. FW404, FW409, FW422.';
grant execute on function public.add_interaction_tag(uuid, text) to authenticated;
