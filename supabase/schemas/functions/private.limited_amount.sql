create function private.limited_amount(p_arguments json, p_name text) returns numeric
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_name is null then
    return null;
  end if;
  return private.plain_amount(p_arguments, p_name);
exception when data_exception then  -- a name that PostgreSQL cannot read, as one with U+0000, in p_arguments
  return null;
end $$;
comment on function private.limited_amount(json, text) is
  'The argument that the limits of a tool compare; null when it is missing or not a plain number, and without a name.';
