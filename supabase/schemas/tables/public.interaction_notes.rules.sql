alter table public.interaction_notes enable row level security;

grant select on public.interaction_notes to authenticated;

create policy interaction_notes_visible on public.interaction_notes for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interaction_notes_60_ring_insert after insert on public.interaction_notes
    referencing new table as inserted for each statement
  execute function private.ring();
create trigger interaction_notes_61_ring_update after update on public.interaction_notes
    referencing old table as before new table as after for each statement
  execute function private.ring();
create trigger interaction_notes_62_ring_delete after delete on public.interaction_notes
    referencing old table as before for each statement
  execute function private.ring();
