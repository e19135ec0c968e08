alter table public.interaction_pulse enable row level security;

grant select on public.interaction_pulse to authenticated, service_role;
grant select (interaction_id, agent_id, supervisor_id, last_seen_at, captured_at, sentiment, satisfaction_score, scores, feed, started_at, phone_number, caller) on public.interaction_pulse to agent_runtime;

create policy interaction_pulse_of_agent on public.interaction_pulse for select to agent_runtime
  using (agent_id = (select private.current_agent()));

create policy interaction_pulse_visible on public.interaction_pulse for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create view private.interaction_cards with (security_invoker=true) as
 select p.interaction_id as id,
    p.agent_id,
    p.xmin::text as version,
    p.started_at,
    p.phone_number,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.scores,
    p.feed,
    p.grants,
    p.caller,
    p.is_test,
    p.silent_since,
    p.silent_until,
    p.critical_until,
    p.low_until,
    p.critical_since
   from public.interaction_pulse p;
comment on view private.interaction_cards is
  'The active interaction on the card of its agent. The version changes with the row.';
grant select on private.interaction_cards to authenticated;

create view private.interaction_rows with (security_invoker=true) as
 select p.interaction_id as id,
    a.name as agent_name,
    u.username,
    a.agent_type as interaction_type,
    p.started_at,
    p.phone_number,
    p.last_seen_at,
    p.sentiment,
    p.satisfaction_score,
    p.feed -> 0 as feed,
    jsonb_array_length(p.grants) as grants,
    p.caller,
    p.is_test,
    p.silent_since,
    array(select s.score from unnest(p.scores) with ordinality s(score, n)
      where (cardinality(p.scores) - s.n) % 3 = 0 order by s.n) as scores
   from public.interaction_pulse p
     join public.agents a on a.id = p.agent_id
     join public.users u on u.id = p.supervisor_id;
comment on view private.interaction_rows is
  'An active interaction on the wallboard, with its newest feed line, the number of its grants, and each third of its last scores.';
grant select on private.interaction_rows to authenticated;
