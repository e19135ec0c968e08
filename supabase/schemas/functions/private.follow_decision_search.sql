create function private.follow_decision_search() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Waits for private.fill_decision_search, which may have read the row as it was.
  perform pg_catalog.pg_advisory_xact_lock_shared(pg_catalog.hashtextextended('floorwalker decision search', 0));
  if tg_table_name = 'interactions' then
    update private.decision_search s set key = private.decision_key(t)
    from public.tool_permissions t where t.interaction_id = new.id and s.tool_permission_id = t.id and s.key is not null;
  else
    update private.decision_search set key = private.decision_key(new) where tool_permission_id = new.id and key is not null;
  end if;
  return null;
end $$;
comment on function private.follow_decision_search() is
  'Trigger: a tool permission was forgotten, or the number or the text of a customer changed.';
