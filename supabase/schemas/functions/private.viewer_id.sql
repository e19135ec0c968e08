-- From the claims alone, and not by auth.uid(), where a setting of old versions takes precedence over the claims.
create function private.viewer_id() returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sub text := nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';
begin
  return case when v_sub ~ '^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$' then v_sub::uuid end;
end $$;
comment on function private.viewer_id() is
  'The person whose claims these are; null for nobody.';
grant execute on function private.viewer_id() to authenticated;
