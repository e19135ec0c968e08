alter table public.interaction_notes enable row level security;

grant select on public.interaction_notes to authenticated;

create policy interaction_notes_visible on public.interaction_notes for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));
