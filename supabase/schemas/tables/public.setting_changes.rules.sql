alter table public.setting_changes enable row level security;

grant select on public.setting_changes to authenticated;

create policy setting_changes_visible on public.setting_changes for select to authenticated
  using ((select private.viewer_role()) = 'admin');

create trigger setting_changes_10_refuse before delete or update or truncate on public.setting_changes for each statement
  execute function private.refuse_change();
