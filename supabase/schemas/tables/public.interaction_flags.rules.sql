alter table public.interaction_flags enable row level security;

grant select on public.interaction_flags to authenticated;

create policy interaction_flags_visible on public.interaction_flags for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interaction_flags_10_unassign before update of supervisor_id on public.interaction_flags for each row
    when (old.supervisor_id <> new.supervisor_id)
  execute function private.unassign_moved();
create trigger interaction_flags_50_search after insert or delete or update of state on public.interaction_flags for each row
  execute function private.follow_search();
create trigger interaction_flags_60_ring_insert after insert on public.interaction_flags
    referencing new table as inserted for each statement
  execute function private.ring();
create trigger interaction_flags_61_ring_update after update on public.interaction_flags
    referencing old table as before new table as after for each statement
  execute function private.ring();
create trigger interaction_flags_62_ring_delete after delete on public.interaction_flags
    referencing old table as before for each statement
  execute function private.ring();
create trigger interaction_flags_70_audit after insert or update on public.interaction_flags for each row
  execute function private.audit('state', 'assigned_name');
