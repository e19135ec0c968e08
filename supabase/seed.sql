-- Sample people and agents: embedded mode and a local development stack only. Password: floorwalker
-- With the setting floorwalker.sample_passwords = 'none': the supervisors alone, and nobody can sign in as them.

insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
  raw_app_meta_data, raw_user_meta_data, created_at, updated_at,
  confirmation_token, recovery_token, email_change, email_change_token_new)
select '00000000-0000-0000-0000-000000000000', p.id, 'authenticated', 'authenticated', p.email,
  case when s.none then '' else '$2a$10$YL7c6JjUgGygXM0YwP7oH.G6rBt/WeRmRSNaT07vkuNBfGIvasA.e' end, now(),
  p.app || '{"provider": "email", "providers": ["email"]}', jsonb_build_object('name', p.name), now(), now(),
  '', '', '', ''
from (values
  ('10000000-0000-4000-8000-000000000001'::uuid, 'admin@example.com', 'System Admin',
   '{"app_role": "admin"}'::jsonb),
  ('10000000-0000-4000-8000-000000000002', 'supervisor1@example.com', 'John Doe',
   '{"app_role": "supervisor", "supervisor_type": "voice", "username": "johndoe"}'),
  ('10000000-0000-4000-8000-000000000003', 'supervisor2@example.com', 'Ana Reyes',
   '{"app_role": "supervisor", "supervisor_type": "chat", "username": "ana"}')
) as p (id, email, name, app)
cross join (select coalesce(current_setting('floorwalker.sample_passwords', true), '') = 'none' as none) s
where not (s.none and p.app ->> 'app_role' = 'admin') and not exists (select from auth.users u where lower(u.email) = p.email)
on conflict do nothing;

insert into auth.identities (id, user_id, provider_id, provider, identity_data, last_sign_in_at, created_at, updated_at)
select gen_random_uuid(), u.id, u.id::text, 'email',
  jsonb_build_object('sub', u.id::text, 'email', u.email, 'email_verified', true, 'phone_verified', false), now(), now(), now()
from auth.users u
where u.id in ('10000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000002',
  '10000000-0000-4000-8000-000000000003')
on conflict (provider_id, provider) do nothing;

insert into public.agents (supervisor_id, name, agent_type, system_prompt, mcp_tools)
select u.id, a.name || n, a.agent_type, 'You are a helpful customer service agent…', a.tools
from (values
  ('supervisor1@example.com', 'Voice Agent ', 3, 'voice', '{"tools": [
    {"name": "get_customer", "description": "Looks up a customer''s account", "requires_permission": true},
    {"name": "check_order", "description": "Reads an order''s state", "requires_permission": false},
    {"name": "issue_refund", "description": "Pays money back to the original card", "requires_permission": true},
    {"name": "send_replacement", "description": "Sends an item again at no cost", "requires_permission": true},
    {"name": "read_meter", "description": "Reads the last values of an energy meter", "requires_permission": false},
    {"name": "correct_bill", "description": "Works out a bill again with another reading", "requires_permission": true},
    {"name": "test_line", "description": "Tests an internet line up to the customer''s box", "requires_permission": false},
    {"name": "find_appointments", "description": "Lists appointments that are free", "requires_permission": false},
    {"name": "book_appointment", "description": "Books an appointment, also one kept for urgent cases", "requires_permission": true}]}'::jsonb),
  ('supervisor2@example.com', 'Chat Agent ', 2, 'chat', '{"tools": [
    {"name": "find_booking", "description": "Reads a booking", "requires_permission": false},
    {"name": "change_booking", "description": "Moves a booking to another date", "requires_permission": true},
    {"name": "issue_voucher", "description": "Gives the customer a voucher", "requires_permission": true},
    {"name": "write_to_hotel", "description": "Writes to a hotel in the guest''s name and may promise to pay", "requires_permission": true},
    {"name": "find_card", "description": "Reads a bank card and its last payments", "requires_permission": false},
    {"name": "block_card", "description": "Blocks a card for good and rejects payments on hold", "requires_permission": true},
    {"name": "order_card", "description": "Orders a new card for an account", "requires_permission": true},
    {"name": "check_usage", "description": "Reads what a mobile line was used for", "requires_permission": false}]}')
) as a (email, name, agents, agent_type, tools)
join public.users u on u.email = a.email
cross join generate_series(1, a.agents) n
where not exists (select from public.agents g where g.supervisor_id = u.id);
