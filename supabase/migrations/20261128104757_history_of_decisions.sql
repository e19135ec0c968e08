-- The history of decisions: its rows, and an index for those of a supervisor, newest first.

-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; the index is built in a second per million rows
create index tool_permissions_history on public.tool_permissions (supervisor_id, requested_at desc, id desc);

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
    i.anonymised_at
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id
     join public.users u on u.id = t.supervisor_id
     join public.interactions i on i.id = t.interaction_id;
comment on view private.decision_rows is
  'A tool permission in the history, with its agent, supervisor and customer.';
grant select on private.decision_rows to authenticated;
