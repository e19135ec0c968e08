create function private.agree_tool_mode() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.mode is null or tg_op = 'UPDATE' and new.mode = old.mode
     and new.requires_permission is distinct from old.requires_permission then
    new.mode := case when new.requires_permission then 'asks' else 'runs' end;
  else
    new.requires_permission := new.mode in ('asks', 'refused');
  end if;
  return new;
end $$;
comment on function private.agree_tool_mode() is
  'Trigger: mode and requires_permission agree. The one that was changed decides, and the mode where both were.';
