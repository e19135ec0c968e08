alter table public.audit_logs enable row level security;

grant select on public.audit_logs to authenticated, service_role;

create policy audit_logs_visible on public.audit_logs for select to authenticated
  using ((select private.viewer_role()) = 'admin' or (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[])));

create trigger audit_logs_10_refuse before delete or update or truncate on public.audit_logs for each statement
  execute function private.refuse_change();
