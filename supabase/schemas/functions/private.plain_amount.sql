create function private.plain_amount(p_arguments json, p_name text) returns numeric
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case when pg_catalog.count(*) = pg_catalog.count(distinct e.key)
      and pg_catalog.max(e.value::text) filter (where e.key = p_name) ~ '^[0-9]{1,15}(\.[0-9]{1,6})?$'
    then (pg_catalog.max(e.value::text) filter (where e.key = p_name))::numeric end
  from pg_catalog.json_each(p_arguments) e
$$;
comment on function private.plain_amount(json, text) is
  'The argument of this name, when it is a JSON number written with digits and a point alone, and no name comes twice; else null. No text, sign or exponent.';
