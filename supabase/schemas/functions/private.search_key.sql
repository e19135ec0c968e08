-- pg_trgm knows letters and digits by the locale of the cluster, and in the embedded one those of ASCII alone: a Cyrillic word would have
-- no trigrams, and an İ whose small letter is an i would hide its word. So texts are made small first, and every character beyond ASCII
-- becomes one of 36. What contains a text has a key that contains the text's key; the reverse is checked in the row.
create function private.search_key(p_text text) returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := pg_catalog.lower(p_text);
begin
  if pg_catalog.octet_length(v_text) = pg_catalog.length(v_text) then
    return v_text;
  end if;
  return (select pg_catalog.string_agg(case when pg_catalog.ascii(c.one) < 128 then c.one
      else pg_catalog.substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + pg_catalog.ascii(c.one) % 36, 1) end, '' order by c.n)
    from pg_catalog.string_to_table(v_text, null) with ordinality c(one, n));
end $$;
comment on function private.search_key(text) is
  'The text in small letters, with a letter or digit of ASCII for every other character: what trigram indexes hold, in any locale.';
-- The role that writes a row computes its entry in the index.
grant execute on function private.search_key(text) to authenticated, agent_runtime, floorwalker_web, service_role;
