create function private.search_digits(p_text text) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case when p_text !~ '^[0-9 +()./-]+$' or pg_catalog.length(d.typed) < 3 then '{}'
    when d.national = d.typed or pg_catalog.length(d.national) < 6 then array[d.typed]
    else array[d.typed, d.national] end
  from (select pg_catalog.regexp_replace(p_text, '[^0-9]', '', 'g') as typed,
    pg_catalog.ltrim(pg_catalog.regexp_replace(pg_catalog.replace(p_text, '(0)', ''), '[^0-9]', '', 'g'), '0') as national) d
$$;
comment on function private.search_digits(text) is
  'What a number that contains this text may have: its digits, and these without the 0 or 00 that people dial before a national or a foreign number; none for other text.';
