create function private.searchable_supervisors(p_supervisor_id uuid) returns uuid[]
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role text := private.viewer_role();
begin
  if v_role = 'admin' then
    return case when p_supervisor_id is not null then array[p_supervisor_id] end;
  elsif v_role = 'supervisor' and coalesce(p_supervisor_id, private.viewer_id()) = private.viewer_id() then
    return array[private.viewer_id()];
  end if;
  return '{}';
end $$;
comment on function private.searchable_supervisors(uuid) is
  'Whose interactions the reader searches: their own, or as an admin those of one supervisor, or everybody''s (null).';
