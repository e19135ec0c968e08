alter table public.interaction_scores enable row level security;

grant select on public.interaction_scores to authenticated;

create policy interaction_scores_visible on public.interaction_scores for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interaction_scores_60_ring_insert after insert on public.interaction_scores
    referencing new table as inserted for each statement
  execute function private.ring();
create trigger interaction_scores_61_ring_update after update on public.interaction_scores
    referencing old table as before new table as after for each statement
  execute function private.ring();
create trigger interaction_scores_62_ring_delete after delete on public.interaction_scores
    referencing old table as before for each statement
  execute function private.ring();
create trigger interaction_scores_70_audit after insert or delete or update on public.interaction_scores for each row
  execute function private.audit('answers', 'total');
