create function private.usual_signals(p_role text) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case p_role when 'admin' then '{half,ending}' else '{request,critical,silent,half,ending}' end::text[]
$$;
comment on function private.usual_signals(text) is
  'What calls a person who has chosen nothing: an admin only when nobody has answered for half of the time.';
