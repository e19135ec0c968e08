-- pg_trgm knows letters and digits by the locale of the cluster, in the embedded one those of ASCII alone, and makes no trigram across anything
-- else. So everything becomes letters and digits of ASCII: what JSON and names are full of one rare letter, every other character a q and two more.
-- Then words side by side have trigrams of their own, a Chinese character and a % have one, and only one or two usual characters have none.
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
  'The text in letters and digits of ASCII. What contains a text, in any case, has a key that contains the key of the text; the reverse is seen in the row alone.';
