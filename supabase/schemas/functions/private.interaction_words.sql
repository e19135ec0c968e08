create function private.interaction_words(p_interaction public.interactions, p_archive public.interaction_archives) returns tsvector
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- Without its positions, which nobody asks for, a vector is half as large. 150,000 characters never exceed the largest vector.
  select pg_catalog.strip(pg_catalog.to_tsvector('pg_catalog.simple', pg_catalog.left(pg_catalog.concat_ws(' ', (p_archive).summary,
      (p_interaction).caller, (p_interaction).external_id, (p_interaction).livekit_room_id,
      (select pg_catalog.string_agg(t.text, ' ') from public.interaction_turns t where t.interaction_id = (p_interaction).id)), 150000)))
    || pg_catalog.array_to_tsvector(array(
      select pg_catalog.right(pg_catalog.ltrim((p_interaction).phone_number, '+'), n)
      from pg_catalog.generate_series(3, pg_catalog.length((p_interaction).phone_number) - 1) n
      union select pg_catalog.lower(w) from (values ((p_interaction).external_id), ((p_interaction).livekit_room_id)) v (w) where w <> ''))
  where (p_interaction).anonymised_at is null
$$;
comment on function private.interaction_words(public.interactions, public.interaction_archives) is
  'The words of private.interaction_search; null when the interaction is forgotten.';
