create function public.score_interaction(p_interaction_id uuid, p_version integer, p_place integer, p_answer text) returns numeric
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_score public.interaction_scores := private.score_to_change(p_interaction_id);
  v_present integer := (select max(version) from public.scorecards);
  v_criteria jsonb := (select criteria from public.scorecards where version = p_version);
begin
  if p_answer is null or p_answer not in ('no', 'partly', 'yes') then
    raise exception 'an answer is no, partly or yes' using errcode = 'FW422';
  elsif v_criteria is null or p_place is null or p_place not between 1 and pg_catalog.jsonb_array_length(v_criteria) then
    raise exception 'there is no such criterion' using errcode = 'FW422';
  elsif v_score.id is null and p_version <> v_present then
    raise exception 'the criteria were changed meanwhile: open the interaction again' using errcode = 'FW409';
  elsif v_score.version <> p_version then
    raise exception 'this interaction was scored by version % of the criteria: open it again', v_score.version using errcode = 'FW409';
  end if;
  v_score.answers := coalesce(v_score.answers, '{}') || pg_catalog.jsonb_build_object(p_place::text, p_answer);
  v_score.total := (
    select pg_catalog.round(100 * sum((c.one ->> 'weight')::numeric * case a.value when 'yes' then 1 when 'partly' then 0.5 else 0 end)
      / sum((c.one ->> 'weight')::numeric), 2)
    from pg_catalog.jsonb_array_elements(v_criteria) with ordinality c (one, place)
    join pg_catalog.jsonb_each_text(v_score.answers) a on a.key = c.place::text);
  insert into public.interaction_scores as s (interaction_id, supervisor_id, version, answers, total, scored_by, scored_by_name, by_admin)
  select v_score.interaction_id, v_score.supervisor_id, p_version, v_score.answers, v_score.total, u.id, u.name, u.role = 'admin'
  from public.users u where u.id = private.viewer_id()
  on conflict (interaction_id) do update set answers = excluded.answers, total = excluded.total, scored_by = excluded.scored_by,
    scored_by_name = excluded.scored_by_name, by_admin = excluded.by_admin, scored_at = pg_catalog.now()
  where s.answers <> excluded.answers or s.by_admin <> excluded.by_admin;
  return v_score.total;
end $$;
comment on function public.score_interaction(uuid, integer, integer, text) is
  'Answers one criterion (no, partly, yes) of this version for an interaction that has ended; the total then. FW404, FW409, FW422.';
grant execute on function public.score_interaction(uuid, integer, integer, text) to authenticated;
