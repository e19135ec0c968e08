create function private.free_agent() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update public.agents set status = status where id = old.agent_id;
  return null;
end $$;
comment on function private.free_agent() is
  'Trigger: the agent of a deleted active interaction is idle or paused again.';
