alter table public.interaction_tags enable row level security;

grant select on public.interaction_tags to authenticated;

create policy interaction_tags_visible on public.interaction_tags for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interaction_tags_50_search after insert or delete on public.interaction_tags for each row
  execute function private.follow_search();
