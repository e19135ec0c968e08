create function private.search_pieces(p_text text) returns setof text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select distinct pg_catalog.substr(r.run[1], n, 6)
  from pg_catalog.regexp_matches(private.search_key(p_text), '[a-z0-9]{3,}', 'g') r(run)
  cross join pg_catalog.generate_series(1, greatest(pg_catalog.length(r.run[1]) - 5, 1)) n
  where n % 3 = 1 or n = pg_catalog.length(r.run[1]) - 5
$$;
comment on function private.search_pieces(text) is
  'Pieces of three to six letters and digits that the key of whatever contains the text contains; none for a text without three in a row.';
