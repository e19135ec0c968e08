with agent as (
  insert into agents (supervisor_id, agent_type, name, system_prompt)
  select id, supervisor_type, 'Refund Agent', 'You help customers whose order arrived broken.'
  from users where email = 'supervisor@example.com'
  returning id)
insert into agent_tools (agent_id, tool_name, description, requires_permission, undo_seconds)
select id, 'issue_refund', 'Pays money back to the customer.', true, 10 from agent;
