-- pg_trgm makes trigrams of letters and digits only, and in the embedded cluster it knows as letters only those of ASCII. This function
-- replaces every other character by letters and digits. A character that JSON and names often have becomes one rare letter. Any other
-- character becomes q and two more. So Chinese text and % have trigrams, and so has the space between two words.
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
  'The text as lower-case letters and digits of ASCII. A row that contains a text has a key that contains the key of that text. A row with such a key may still lack the text, so a search looks at the row as well.';
