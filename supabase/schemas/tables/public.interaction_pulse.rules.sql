alter table public.interaction_pulse enable row level security;

grant select on public.interaction_pulse to authenticated, service_role;
grant select (interaction_id, agent_id, supervisor_id, last_seen_at, captured_at, sentiment, satisfaction_score, scores, feed, started_at, phone_number) on public.interaction_pulse to agent_runtime;

create policy interaction_pulse_of_agent on public.interaction_pulse for select to agent_runtime
  using (agent_id = (select private.current_agent()));

create policy interaction_pulse_visible on public.interaction_pulse for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));
