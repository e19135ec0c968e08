alter table public.interaction_note_versions enable row level security;

grant select on public.interaction_note_versions to authenticated;

-- Through the policy of the notes. Of a note that was withdrawn, its author alone reads the words.
create policy interaction_note_versions_visible on public.interaction_note_versions for select to authenticated
  using (exists (select from public.interaction_notes n where n.id = note_id
    and (n.withdrawn_at is null or n.author_id = (select private.viewer_id()))));
