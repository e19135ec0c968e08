alter table public.interaction_turns enable row level security;

grant select on public.interaction_turns to authenticated;
grant select, insert on public.interaction_turns to service_role;
grant select (interaction_id, captured_at, speaker, digest) on public.interaction_turns to agent_runtime;
grant insert (interaction_id, captured_at, speaker, text) on public.interaction_turns to agent_runtime;

create policy interaction_turns_by_agent on public.interaction_turns for insert to agent_runtime
  with check (private.is_own(interaction_id));

create policy interaction_turns_of_agent on public.interaction_turns for select to agent_runtime
  using (private.is_own(interaction_id));

create policy interaction_turns_visible on public.interaction_turns for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interaction_turns_10_attach before insert on public.interaction_turns for each row
  execute function private.attach_turn();
create trigger interaction_turns_20_pulse after insert on public.interaction_turns
    referencing new table as inserted for each statement
  execute function private.hear_turns();
create trigger interaction_turns_50_search after insert or update of text on public.interaction_turns for each row when (new.late)
  execute function private.follow_search();
create trigger interaction_turns_60_ring_insert after insert on public.interaction_turns
    referencing new table as inserted for each statement
  execute function private.ring();
