create function private.id_argument(p_arguments jsonb, p_name text) returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (p_arguments ->> p_name)::uuid;
exception when invalid_text_representation then
  raise exception '% is not a uuid', p_name using errcode = 'FW422';
end $$;
comment on function private.id_argument(jsonb, text) is
  'An id among a page''s arguments, null when it is missing. FW422 for what is none.';
grant execute on function private.id_argument(jsonb, text) to authenticated;
