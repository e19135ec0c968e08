alter table public.agent_config enable row level security;

grant select on public.agent_config to agent_runtime, authenticated;
grant insert (agent_id, config_key, config_value) on public.agent_config to authenticated;
grant update (config_value) on public.agent_config to authenticated;
grant delete on public.agent_config to authenticated;
grant select, insert, update, delete on public.agent_config to service_role;

create policy agent_config_itself on public.agent_config for select to agent_runtime
  using (agent_id = (select private.current_agent()));

create policy agent_config_visible on public.agent_config for select to authenticated
  using ((agent_id in ( select a.id
   from public.agents a)));

create policy agent_config_made_by_admin on public.agent_config for insert to authenticated
  with check ((select private.viewer_role()) = 'admin');

create policy agent_config_changed_by_admin on public.agent_config for update to authenticated
  using ((select private.viewer_role()) = 'admin')
  with check ((select private.viewer_role()) = 'admin');

create policy agent_config_deleted_by_admin on public.agent_config for delete to authenticated
  using ((select private.viewer_role()) = 'admin');

create trigger agent_config_30_touch before update on public.agent_config for each row
  execute function private.touch();
create trigger agent_config_50_version after insert or delete or update on public.agent_config for each row
  execute function private.keep_version();
