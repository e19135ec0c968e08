alter table public.interaction_archives enable row level security;

grant select on public.interaction_archives to agent_runtime, authenticated, service_role;
grant insert (interaction_id, summary, issues, tags, csat_score, resolution_time_seconds) on public.interaction_archives to agent_runtime, service_role;
grant update (summary, issues, tags, csat_score, resolution_time_seconds) on public.interaction_archives to agent_runtime, service_role;

create policy interaction_archives_by_agent on public.interaction_archives for insert to agent_runtime
  with check (private.is_own(interaction_id));

create policy interaction_archives_changed_by_agent on public.interaction_archives for update to agent_runtime
  using (private.is_own(interaction_id))
  with check (private.is_own(interaction_id));

create policy interaction_archives_of_agent on public.interaction_archives for select to agent_runtime
  using (private.is_own(interaction_id));

create policy interaction_archives_visible on public.interaction_archives for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interaction_archives_10_attach before insert on public.interaction_archives for each row
  execute function private.attach_archive();
create trigger interaction_archives_20_fcr after insert or delete or update of tags,
    issues on public.interaction_archives for each row
  execute function private.update_fcr_on_followup();
create trigger interaction_archives_40_count_insert after insert on public.interaction_archives for each row
    when (new.csat_score is not null or new.resolution_time_seconds is not null or new.fcr_status is not null)
  execute function private.count_archive();
create trigger interaction_archives_41_count_update after update of interaction_id, csat_score,
    resolution_time_seconds, fcr_status on public.interaction_archives for each row
    when (old.interaction_id is distinct from new.interaction_id or old.csat_score is distinct from new.csat_score
    or old.resolution_time_seconds is distinct from new.resolution_time_seconds
    or old.fcr_status is distinct from new.fcr_status)
  execute function private.count_archive();
create trigger interaction_archives_42_count_delete after delete on public.interaction_archives for each row
  execute function private.count_archive();
create trigger interaction_archives_50_search after insert or delete or update of summary, issues, tags,
    csat_score on public.interaction_archives for each row
  execute function private.follow_search();
create trigger interaction_archives_60_ring_insert after insert on public.interaction_archives
    referencing new table as inserted for each statement
  execute function private.ring();
create trigger interaction_archives_61_ring_update after update on public.interaction_archives
    referencing old table as before new table as after for each statement
  execute function private.ring();
create trigger interaction_archives_62_ring_delete after delete on public.interaction_archives
    referencing old table as before for each statement
  execute function private.ring();
