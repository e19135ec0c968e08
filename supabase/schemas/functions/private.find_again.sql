create function private.find_again(p_interaction_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
  v_archive public.interaction_archives;
  v_score numeric;
  v_sentiment text;
begin
  -- The lock makes two that change at once compute one after the other, so that the last one has seen both.
  select * into v_interaction from public.interactions where id = p_interaction_id and status <> 'active' for no key update;
  if not found then
    return;
  end if;
  select * into v_archive from public.interaction_archives where interaction_id = p_interaction_id;
  select e.satisfaction, e.sentiment into v_score, v_sentiment from private.ending(p_interaction_id) e;
  if v_score is null and v_sentiment is null then  -- what is forgotten has kept neither
    select s.satisfaction, (select pg_catalog.substr(l, 11) from pg_catalog.unnest(s.labels) l where pg_catalog.starts_with(l, 'sentiment:'))
    into v_score, v_sentiment from private.interaction_search s where s.interaction_id = p_interaction_id;
  end if;
  insert into private.interaction_search (interaction_id, supervisor_id, agent_id, started_at, duration_seconds, satisfaction, csat, labels, words, cells)
  values (v_interaction.id, v_interaction.supervisor_id, v_interaction.agent_id, v_interaction.started_at, v_interaction.duration_seconds,
    v_score, v_archive.csat_score, private.interaction_labels(v_interaction, v_archive, v_sentiment),
    coalesce(private.interaction_words(v_interaction, v_archive), ''), private.interaction_cells(v_interaction, v_archive, v_score, v_sentiment))
  on conflict (interaction_id) do update set supervisor_id = excluded.supervisor_id, agent_id = excluded.agent_id, started_at = excluded.started_at,
    duration_seconds = excluded.duration_seconds, satisfaction = excluded.satisfaction, csat = excluded.csat,
    labels = excluded.labels, words = excluded.words, cells = excluded.cells;
end $$;
comment on function private.find_again(uuid) is
  'Makes the row of private.interaction_search of an interaction that has ended; nothing for one that is live or unknown.';
