-- A leading sign that a spreadsheet would take for a formula gets an apostrophe; the same signs as http.FORMULA_SIGNS.
create function private.csv_cell(p_text text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce('"' || case when p_text <> '' and pg_catalog.strpos(e'=+-@\uff1d\uff0b\uff0d\uff20\t\r\n', pg_catalog.left(p_text, 1)) > 0 then '''' else '' end
    || pg_catalog.replace(p_text, '"', '""') || '"', '')
$$;
comment on function private.csv_cell(text) is
  'A text as a quoted cell of a CSV file (RFC 4180); nothing for null.';
grant execute on function private.csv_cell(text) to authenticated;
