create function private.name_creator() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  new.created_by := (select u.id from public.users u where u.id = private.viewer_id());
  return new;
end $$;
comment on function private.name_creator() is
  'Trigger: the person who makes an agent.';
