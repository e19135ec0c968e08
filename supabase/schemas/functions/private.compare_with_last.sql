create function private.compare_with_last() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Chosen once, when the request arrives, so that what its card marks does not change under the eyes of the reader.
  new.compared_with := (select t.id from public.tool_permissions t
    where t.supervisor_id = new.supervisor_id and t.tool_name = new.tool_name and t.status = 'allowed'
    order by t.responded_at desc limit 1);
  new.usual_amount := private.usual_amount(new.supervisor_id, new.tool_name, new.arguments);
  return new;
end $$;
comment on function private.compare_with_last() is
  'Trigger: notes the last request for the same tool that was allowed on this floor, and the usual amount.';
