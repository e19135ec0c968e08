-- pg_trgm makes trigrams of letters and digits only. Which characters are letters depends on the locale of the cluster; in the embedded
-- cluster only those of ASCII are. So this function replaces every other character: those that are frequent in JSON and in names by one rare
-- letter, each other one by q and two characters. The result has trigrams for Chinese text, for % and across the space between two words.
create function private.search_key(p_text text) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_digits constant text := '0123456789abcdefghijklmnopqrstuvwxyz';
  v_text text := pg_catalog.translate(pg_catalog.lower(p_text), e' "{}:,.-_/[]@+\n\\()''', 'zjxxvkwwykxxyyxvxxw');
begin
  if v_text ~ '^[a-z0-9]*$' then
    return v_text;
  end if;
  return (select pg_catalog.string_agg(case when c.one ~ '[a-z0-9]' then c.one
      else 'q' || pg_catalog.substr(v_digits, 1 + pg_catalog.ascii(c.one) / 36 % 36, 1) || pg_catalog.substr(v_digits, 1 + pg_catalog.ascii(c.one) % 36, 1)
      end, '' order by c.n)
    from pg_catalog.string_to_table(v_text, null) with ordinality c(one, n));
end $$;
comment on function private.search_key(text) is
  'The text as lower-case letters and digits of ASCII. If a row contains a text, upper or lower case, then the key of the row contains the key of the text. The opposite is not certain, so a search that finds a row by its key compares the row itself.';
