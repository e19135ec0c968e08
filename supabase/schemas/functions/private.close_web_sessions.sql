create function private.close_web_sessions() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.close_web_sessions_of(new.id);
  return null;
end $$;
comment on function private.close_web_sessions() is
  'Trigger: a person''s rights changed, so their sessions end.';
