alter table public.interaction_flags enable row level security;

grant select on public.interaction_flags to authenticated;

create policy interaction_flags_visible on public.interaction_flags for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interaction_flags_10_unassign before update of supervisor_id on public.interaction_flags for each row
    when (old.supervisor_id <> new.supervisor_id)
  execute function private.unassign_moved();
create trigger interaction_flags_50_search after insert or delete or update of state on public.interaction_flags for each row
  execute function private.follow_search();
create trigger interaction_flags_70_audit after insert or update on public.interaction_flags for each row
  execute function private.audit('state', 'assigned_name');
