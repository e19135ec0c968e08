create function private.decision_key(p_permission public.tool_permissions) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_caller text;
  v_phone_number text;
begin
  select caller, phone_number into v_caller, v_phone_number from public.interactions where id = p_permission.interaction_id;
  -- The empty text at the end: two characters are looked for with any third one.
  return private.search_key(pg_catalog.concat_ws(e'\n', p_permission.tool_name, p_permission.arguments::text,
    p_permission.changed_arguments::text, p_permission.proposed_arguments::text, p_permission.reason, v_caller, v_phone_number, ''));
end $$;
comment on function private.decision_key(public.tool_permissions) is
  'What private.decision_search holds of an ended tool permission.';
