alter table public.tool_permissions enable row level security;

grant select on public.tool_permissions to agent_runtime, authenticated, service_role;
grant insert (interaction_id, tool_name, tool_description, arguments) on public.tool_permissions to agent_runtime, service_role;
grant insert (arguments_digest, accepts_changes) on public.tool_permissions to agent_runtime;
grant update (status, responded_at) on public.tool_permissions to service_role;

create policy tool_permissions_by_agent on public.tool_permissions for insert to agent_runtime
  with check (agent_id = (select private.current_agent()));

create policy tool_permissions_of_agent on public.tool_permissions for select to agent_runtime
  using (agent_id = (select private.current_agent()));

create policy tool_permissions_visible on public.tool_permissions for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger tool_permissions_10_open before insert on public.tool_permissions for each row
  execute function private.open_tool_permission();
create trigger tool_permissions_20_compare before insert on public.tool_permissions for each row
  execute function private.compare_with_last();
create trigger tool_permissions_11_guard before update on public.tool_permissions for each row
  execute function private.guard_tool_permission();
create trigger tool_permissions_50_search after update of arguments, reason on public.tool_permissions for each row
    when (old.status <> 'pending' and (old.arguments::text <> new.arguments::text or old.reason is distinct from new.reason))
  execute function private.follow_decision_search();
create trigger tool_permissions_60_ring_insert after insert on public.tool_permissions
    referencing new table as inserted for each statement
  execute function private.ring();
create trigger tool_permissions_61_ring_update after update on public.tool_permissions
    referencing old table as before new table as after for each statement
  execute function private.ring();
create trigger tool_permissions_70_audit after update of status on public.tool_permissions for each row
    when (new.responded_by is not null and old.status is distinct from new.status)
  execute function private.audit('status', 'responded_by_name');

create view private.tool_permission_cards with (security_invoker=true) as
 select t.id,
    t.tool_name,
    t.tool_description,
    g.description as owner_description,
    t.arguments::text as arguments,
    t.arguments_digest,
    t.known_tool,
    t.status,
    t.requested_at,
    t.expires_at,
    t.held_by,
    t.held_by_name,
    t.held_until,
    t.times_held,
    g.undo_seconds,
    t.interaction_id,
    t.agent_id,
    a.name as agent_name,
    a.agent_type as interaction_type,
    p.phone_number,
    p.sentiment,
    p.satisfaction_score,
    coalesce(p.feed, '[]') as feed,
    p.caller,
    coalesce(p.is_test, false) as is_test,
    coalesce(l.changed_arguments, l.arguments)::text as last_arguments,
    l.responded_at as last_allowed_at,
    p.grants,
    t.accepts_changes,
    t.usual_amount,
    t.changed_arguments::text as changed_arguments
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id
     left join public.agent_tools g on g.agent_id = t.agent_id and g.tool_name = t.tool_name
     left join public.interaction_pulse p on p.interaction_id = t.interaction_id
     left join public.tool_permissions l on l.id = t.compared_with and l.arguments::text <> '{}';
comment on view private.tool_permission_cards is
  'The card of a pending tool permission. The arguments are text, exactly as they were sent.';
grant select on private.tool_permission_cards to authenticated;

create view private.decision_cards with (security_invoker=true) as
 select t.id,
    t.tool_name,
    t.arguments::text as arguments,
    t.status,
    t.reason,
    t.responded_by_name,
    t.responded_at,
    t.executed_at,
    a.name as agent_name,
    t.rule,
    t.changed_arguments is not null as changed,
    t.proposed_arguments is not null as proposed,
    t.changed_arguments::text as changed_arguments,
    t.execute_before
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id;
comment on view private.decision_cards is
  'The line of an answered tool permission.';
grant select on private.decision_cards to authenticated;

create view private.decision_rows with (security_invoker=true) as
 select t.id,
    t.requested_at,
    t.responded_at,
    t.expires_at,
    t.tool_name,
    t.arguments::text as arguments,
    t.arguments_digest,
    t.status,
    t.rule,
    t.reason,
    t.responded_by_name,
    t.grant_id,
    t.grant_use,
    case
      when t.execution_succeeded then 'succeeded'
      when not t.execution_succeeded then 'failed'
      when t.executed_at is not null then 'started'
      when t.status = 'allowed' then 'not' end as executed,
    t.executed_at,
    t.interaction_id,
    t.agent_id,
    a.name as agent_name,
    t.supervisor_id,
    u.username,
    i.phone_number,
    i.caller,
    i.is_test,
    i.anonymised_at,
    t.changed_arguments::text as changed_arguments,
    t.proposed_arguments::text as proposed_arguments,
    t.execute_before,
    t.held_at
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id
     join public.users u on u.id = t.supervisor_id
     join public.interactions i on i.id = t.interaction_id;
comment on view private.decision_rows is
  'A tool permission in the history, with its agent, supervisor and customer.';
grant select on private.decision_rows to authenticated;
