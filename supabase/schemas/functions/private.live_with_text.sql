-- Texts are compared without an index, so transcripts are read of the newest interactions alone: a supervisor has three at most, an admin up to
-- ten thousand. Planned with nested loops, because PostgreSQL read the transcripts of everybody and always to compare them with these few.
create function private.live_with_text(p_text text) returns setof uuid
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_transcripts constant integer := 500;
  v_whose uuid[] := private.searchable_supervisors(null);
  v_words text[];
  v_digits text[];
begin
  if pg_catalog.length(p_text) > 100 then
    raise exception 'a text to search for has at most 100 characters' using errcode = 'FW422';
  end if;
  v_words := array(
    select '%' || pg_catalog.regexp_replace(w, '([\\%_])', '\\\1', 'g') || '%' from pg_catalog.regexp_split_to_table(p_text, '\s+') w where w <> '');
  v_digits := array(select '%' || d || '%' from pg_catalog.unnest(private.search_digits(p_text)) d);
  if v_words = '{}' then
    return;
  end if;
  return query
    select p.interaction_id from public.interaction_pulse p join public.interactions i on i.id = p.interaction_id
    where (v_whose is null or p.supervisor_id = any (v_whose)) and (
      p.caller ilike all (v_words) or i.external_id ilike all (v_words) or i.livekit_room_id ilike all (v_words)
      or p.feed -> 0 ->> 'text' ilike all (v_words) or p.feed -> 1 ->> 'text' ilike all (v_words) or p.feed -> 2 ->> 'text' ilike all (v_words)
      or p.phone_number like any (v_digits)
      or p.interaction_id::text = pg_catalog.lower(p_text))
    union
    select n.interaction_id from (
      select p.interaction_id from public.interaction_pulse p where v_whose is null or p.supervisor_id = any (v_whose)
      order by p.started_at desc, p.interaction_id desc limit v_transcripts) n
    cross join lateral (
      select from public.interaction_turns t where t.interaction_id = n.interaction_id and t.text ilike all (v_words) limit 1) t;
end $$;
comment on function private.live_with_text(text) is
  'The live interactions of the reader with all these words, each a part of a word, in one turn, in one of the last lines of the feed, in the caller, in an id or in the name of the room; or with a part of the number. Transcripts of the newest 500. FW422 for a text over 100 characters.';
grant execute on function private.live_with_text(text) to authenticated;
