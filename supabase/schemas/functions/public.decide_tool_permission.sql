create function public.decide_tool_permission(p_id uuid, p_status text, p_reason text default null::text, p_arguments_digest text default null::text) returns setof public.tool_permissions
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  select * from private.decide_now(p_id, p_status, p_reason, p_arguments_digest, true)
$$;
comment on function public.decide_tool_permission(uuid, text, text, text) is
  'The viewer''s decision (allowed or denied) on the request with these arguments: the row, or none when it was decided before, has expired or has other arguments. An allow of a tool with undo_seconds is held: the row stays pending. FW404 when it is not theirs, FW422 without a digest.';
grant execute on function public.decide_tool_permission(uuid, text, text, text) to authenticated;
