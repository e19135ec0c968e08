create function private.refuse_open_requests() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update public.tool_permissions t set status = 'denied', rule = 'refused', responded_at = pg_catalog.clock_timestamp(),
    reason = 'The tool was refused while the request was open.'
  where t.agent_id = new.agent_id and t.tool_name = new.tool_name and t.status = 'pending' and private.tool_refuses(new, coalesce(t.changed_arguments, t.arguments));
  return null;
end $$;
comment on function private.refuse_open_requests() is
  'Trigger: a tool became refused, by its mode or a lower limit; its open requests are denied, also those whose allow is held.';
