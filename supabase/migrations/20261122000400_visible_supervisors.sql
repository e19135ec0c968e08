-- Whose rows a viewer may see, without looking at everybody: a supervisor's answer is one row whatever the size of
-- the floor, and an admin's role is read once and not for each supervisor.

create or replace function private.visible_supervisors() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
declare
  v_role text := private.viewer_role();
begin
  if v_role = 'admin' then
    return query select u.id from public.users u where u.role = 'supervisor';
  elsif v_role = 'supervisor' then
    return next auth.uid();
  end if;
end $$;
