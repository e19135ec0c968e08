create function private.refuse_supervisors() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.viewer_role() = 'supervisor' then
    raise exception 'supervisors change the prompt and the pause of an agent, and admins everything else' using errcode = 'FW403';
  end if;
  return new;
end $$;
comment on function private.refuse_supervisors() is
  'Trigger: of an agent, a supervisor changes the prompt and the pause alone. FW403.';
