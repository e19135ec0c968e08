-- Each of the two tables refers to the other.
alter table public.tool_grants add constraint tool_grants_permission foreign key (permission_id) references public.tool_permissions(id);
comment on constraint tool_grants_permission on public.tool_grants is
  'a grant was given with a tool permission that exists';

alter table public.tool_grants enable row level security;

grant select on public.tool_grants to authenticated, service_role;

create policy tool_grants_visible on public.tool_grants for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger tool_grants_10_lapse before update of supervisor_id on public.tool_grants for each row
    when (old.supervisor_id <> new.supervisor_id)
  execute function private.lapse_grant();
create trigger tool_grants_50_show after insert or update of uses, ended_at,
    supervisor_id on public.tool_grants for each row
  execute function private.show_grants();
create trigger tool_grants_70_audit after insert or delete or update of ended_at on public.tool_grants for each row
  execute function private.audit('tool_name', 'granted_by_name', 'scope', 'limit_argument', 'each_limit',
    'sum_limit', 'freed', 'max_uses', 'expires_at', 'ended_how', 'ended_by_name');
