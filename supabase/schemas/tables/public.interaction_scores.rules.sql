alter table public.interaction_scores enable row level security;

grant select on public.interaction_scores to authenticated;

create policy interaction_scores_visible on public.interaction_scores for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interaction_scores_70_audit after insert or delete or update on public.interaction_scores for each row
  execute function private.audit('answers', 'total');
