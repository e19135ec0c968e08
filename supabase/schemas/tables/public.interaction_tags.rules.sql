alter table public.interaction_tags enable row level security;

grant select on public.interaction_tags to authenticated;

create policy interaction_tags_visible on public.interaction_tags for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interaction_tags_50_search after insert or delete on public.interaction_tags for each row
  execute function private.follow_search();
create trigger interaction_tags_60_ring_insert after insert on public.interaction_tags
    referencing new table as inserted for each statement
  execute function private.ring();
create trigger interaction_tags_61_ring_update after update on public.interaction_tags
    referencing old table as before new table as after for each statement
  execute function private.ring();
create trigger interaction_tags_62_ring_delete after delete on public.interaction_tags
    referencing old table as before for each statement
  execute function private.ring();
