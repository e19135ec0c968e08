-- A month of invented interactions, of the sample supervisors and of further ones, for a home that has no interaction yet.
-- Embedded mode only; run as the owner of the tables, in one transaction. The rows are the same each time, except for ids and
-- for moments, which count from now.

do $history$
declare
  v_table regclass;
  v_tables constant regclass[] := array['public.interactions', 'public.interaction_archives',
    'public.realtime_metrics', 'public.tool_permissions']::regclass[];
  v_now constant timestamptz := now();
  v_midnight constant timestamptz := date_trunc('day', v_now at time zone 'UTC') at time zone 'UTC';
  -- Until two hours ago; shortly after midnight until now, so that the last hours are not empty.
  v_until constant timestamptz := v_now - case when v_now - v_midnight < interval '3 hours' then interval '1 minute' else interval '2 hours' end;
begin
  lock table public.interactions in share row exclusive mode;  -- a second server of this home waits, and then finds interactions
  if exists (select from public.interactions) then
    return;
  end if;
  perform setseed(0.42);

  -- Each supervisor: number of agents, interactions per month, satisfaction at the end of good ones (0-100), share of bad ones,
  -- and a factor of their duration.
  create temporary table colleague on commit drop as
  select * from (values
    ('10000000-0000-4000-8000-000000000002'::uuid, 'supervisor1@example.com', 'John Doe', 'voice', 'johndoe', 'retail', 1, 130, 84, 0.13, 1.0),
    ('10000000-0000-4000-8000-000000000101', 'amara.okafor@example.com', 'Amara Okafor', 'voice', 'amara', 'telecom', 3, 205, 92, 0.06, 0.8),
    ('10000000-0000-4000-8000-000000000102', 'kenji.mori@example.com', 'Kenji Mori', 'voice', 'kenji', 'energy', 2, 140, 83, 0.14, 1.0),
    ('10000000-0000-4000-8000-000000000103', 'lena.novak@example.com', 'Lena Novak', 'voice', 'lena', 'health', 2, 20, 87, 0.10, 1.2),
    ('10000000-0000-4000-8000-000000000003', 'supervisor2@example.com', 'Ana Reyes', 'chat', 'ana', 'travel', 1, 125, 86, 0.12, 1.3),
    ('10000000-0000-4000-8000-000000000104', 'priya.nair@example.com', 'Priya Nair', 'chat', 'priya', 'bank', 3, 180, 89, 0.08, 1.2),
    ('10000000-0000-4000-8000-000000000105', 'mateo.silva@example.com', 'Mateo Silva', 'chat', 'mateo', 'retail', 2, 120, 78, 0.22, 1.6),
    ('10000000-0000-4000-8000-000000000106', 'tariq.haddad@example.com', 'Tariq Haddad', 'chat', 'tariq', 'health', 2, 0, 80, 0.10, 1.0)
  ) as c (id, email, name, channel, username, domain, agents, monthly, good, bad_share, slowness);

  -- Without a password, so that nobody can sign in as them.
  insert into auth.users (instance_id, id, aud, role, email, email_confirmed_at, raw_app_meta_data, raw_user_meta_data,
    created_at, updated_at, confirmation_token, recovery_token, email_change, email_change_token_new)
  select '00000000-0000-0000-0000-000000000000', c.id, 'authenticated', 'authenticated', c.email, v_now,
    jsonb_build_object('app_role', 'supervisor', 'supervisor_type', c.channel, 'username', c.username,
      'provider', 'email', 'providers', jsonb_build_array('email')),
    jsonb_build_object('name', c.name), v_now - interval '40 days', v_now, '', '', '', ''
  from colleague c
  where not exists (select from auth.users u where lower(u.email) = c.email or u.id = c.id)
    and not exists (select from public.users u where lower(u.username) = c.username);

  insert into auth.identities (id, user_id, provider_id, provider, identity_data, last_sign_in_at, created_at, updated_at)
  select gen_random_uuid(), u.id, u.id::text, 'email',
    jsonb_build_object('sub', u.id::text, 'email', u.email, 'email_verified', true, 'phone_verified', false), null, v_now, v_now
  from auth.users u join colleague c on c.id = u.id
  on conflict (provider_id, provider) do nothing;

  create temporary table tool on commit drop as
  select * from (values
    ('retail', 'check_order', 'Reads an order''s state', false),
    ('retail', 'issue_refund', 'Pays money back to the original card', true),
    ('telecom', 'test_line', 'Tests an internet line up to the customer''s box', false),
    ('telecom', 'change_plan', 'Moves a line to another plan', true),
    ('telecom', 'send_technician', 'Books a visit of a technician', true),
    ('energy', 'read_meter', 'Reads the last values of an energy meter', false),
    ('energy', 'correct_bill', 'Works out a bill again with another reading', true),
    ('energy', 'defer_payment', 'Gives the customer more time to pay', true),
    ('health', 'find_appointments', 'Lists appointments that are free', false),
    ('health', 'book_appointment', 'Books an appointment, also one kept for urgent cases', true),
    ('travel', 'find_booking', 'Reads a booking', false),
    ('travel', 'change_booking', 'Moves a booking to another date', true),
    ('travel', 'issue_voucher', 'Gives the customer a voucher', true),
    ('bank', 'find_card', 'Reads a bank card and its last payments', false),
    ('bank', 'block_card', 'Blocks a card for good and rejects payments on hold', true),
    ('bank', 'raise_limit', 'Raises the limit of a card for some days', true)
  ) as t (domain, name, description, requires_permission);

  insert into public.agents (supervisor_id, name, agent_type, system_prompt, mcp_tools)
  select u.id, initcap(c.channel) || ' Agent ' || initcap(c.username) || ' ' || n, c.channel, 'You are a helpful customer service agent…',
    (select jsonb_build_object('tools', jsonb_agg(to_jsonb(t) - 'domain')) from tool t where t.domain = c.domain)
  from colleague c join public.users u on u.id = c.id cross join generate_series(1, 3) n
  where n <= c.agents and c.email not like 'supervisor%'
    and not exists (select from public.agents a where a.supervisor_id = u.id)
  order by c.id, n;

  -- Subjects. In the arguments of a tool, %1$s is a number of five digits and %2$s one of two.
  create temporary table subject on commit drop as
  select s.*, row_number() over (partition by s.domain order by s.tag) as place, count(*) over (partition by s.domain) as places
  from (values
    ('retail', 'late_parcel', 'Parcel has not arrived', 'A parcel had been at the depot for four days.', 'issue_refund', '{"order": "A-%1$s", "amount": "9.90", "currency": "USD", "reason": "delivery fee, parcel late"}'),
    ('retail', 'damaged_item', 'Item arrived damaged', 'What arrived was cracked, and the customer had photos of it.', 'issue_refund', '{"order": "A-%1$s", "amount": "%2$s.50", "currency": "USD", "reason": "arrived damaged"}'),
    ('retail', 'wrong_size', 'Exchange for another size', 'Shoes were a size too small and the label for the way back was missing.', null, null),
    ('retail', 'missing_refund', 'Refund has not arrived', 'The customer had sent an order back two weeks ago and waited for the money.', 'issue_refund', '{"order": "A-%1$s", "amount": "%2$s.00", "currency": "USD", "reason": "sent back, received by us"}'),
    ('retail', 'discount_code', 'Discount code does not work', 'A code from the newsletter was refused at the checkout.', null, null),
    ('telecom', 'slow_internet', 'Internet is slow in the evening', 'Films had been stopping every evening since the weekend.', 'send_technician', '{"line": "L-%1$s", "day": "tomorrow", "between": ["08:00", "12:00"], "fault": "Signal drops in the evening"}'),
    ('telecom', 'no_signal', 'No connection at home', 'The box had been blinking red since a thunderstorm.', 'send_technician', '{"line": "L-%1$s", "day": "today", "between": ["16:00", "20:00"], "fault": "No signal after a storm"}'),
    ('telecom', 'plan_change', 'Change to a smaller plan', 'The customer wanted a plan without television.', 'change_plan', '{"line": "L-%1$s", "from": "Home XL", "to": "Home M", "monthly": "%2$s.90"}'),
    ('telecom', 'roaming_charge', 'Roaming charge on the bill', 'A weekend across the border had cost more than the whole month.', null, null),
    ('telecom', 'moving_house', 'Line to move to a new address', 'The customer moves house at the end of the month.', null, null),
    ('energy', 'wrong_estimate', 'Bill rests on a wrong estimate', 'The bill was far above the usual, and the meter had been estimated.', 'correct_bill', '{"account": "E-%1$s", "meter": {"with": {"kwh": %1$s, "kind": "read by customer"}}, "total": "%2$s.40"}'),
    ('energy', 'late_payment', 'More time to pay', 'The customer had been off work and could not pay this month.', 'defer_payment', '{"account": "E-%1$s", "amount": "%2$s.00", "instalments": 3, "first_on": "the 15th"}'),
    ('energy', 'power_cut', 'Power is out in the street', 'The whole street was without power and a freezer was full.', null, null),
    ('energy', 'meter_change', 'Appointment for a new meter', 'Nobody had come on the day of the meter change.', null, null),
    ('health', 'urgent_appointment', 'Appointment on the same day', 'A patient with strong back pain asked for an appointment today.', 'book_appointment', '{"department": "orthopaedics", "day": "today", "time": "15:%2$s", "kind": "urgent"}'),
    ('health', 'prescription', 'Prescription to be renewed', 'The tablets for blood pressure would last for two more days.', null, null),
    ('health', 'test_results', 'Results of a blood test', 'A patient had waited for the results of a blood test for a week.', null, null),
    ('travel', 'change_date', 'Move a booking to another day', 'The customer''s meeting was moved, and the trip with it.', 'change_booking', '{"code": "Q%1$s", "date": "Friday", "time": "09:%2$s", "seats": 1, "fee": "0.00"}'),
    ('travel', 'missed_connection', 'Missed connection', 'A delay of half an hour had cost the connection.', 'issue_voucher', '{"code": "Q%1$s", "amount": "%2$s.00", "currency": "USD", "reason": "missed connection"}'),
    ('travel', 'lost_property', 'Belongings left on the train', 'A grey backpack had stayed on the train.', null, null),
    ('travel', 'seat_choice', 'Seats next to each other', 'A family of four had seats in three coaches.', 'change_booking', '{"code": "Q%1$s", "seats": ["4A", "4B", "4C", "4D"], "fee": "0.00"}'),
    ('bank', 'unknown_payment', 'Payment not made by the customer', 'There was a payment in a town where the customer had never been.', 'block_card', '{"card": "K-%1$s", "reason": "unknown payment", "held_payments": "reject"}'),
    ('bank', 'card_limit', 'Higher limit for some days', 'The customer was about to buy a used car abroad.', 'raise_limit', '{"card": "K-%1$s", "limit": "%2$s00.00", "currency": "USD", "days": 5}'),
    ('bank', 'app_access', 'No access to the app', 'A new phone, and the app no longer knew the customer.', null, null),
    ('bank', 'account_fee', 'Fee on the account', 'A fee had appeared on an account that is free of charge.', null, null)
  ) as s (domain, tag, issue, opening, tool, arguments);

  -- Each agent's time in half hours, most of them idle: more on weekdays and in working hours. So no two
  -- interactions of one agent overlap. The last half hour has one of each busy supervisor.
  create temporary table past on commit drop as
  select gen_random_uuid() as id, h.*, row_number() over (partition by h.supervisor_id order by h.opens_at, h.slot) as place,
    random() < h.bad_share as bad, random() as mood, random() as luck, random() as pace, 1 + floor(random() * h.places)::integer as about,
    '+1' || 200 + floor(random() * 790)::integer || '55501' || lpad(floor(random() * 100)::text, 2, '0') as phone
  from (
    select a.id as agent_id, a.slot, c.id as supervisor_id, c.username, c.channel, c.domain, c.good, c.bad_share, c.slowness, s.opens_at,
      (select max(u.places) from subject u where u.domain = c.domain) as places, random() < c.monthly::numeric / c.agents / 600 * case
        when s.opens_at at time zone 'UTC' between d.day + interval '8 hours' and d.day + interval '18 hours' then 1
        when s.opens_at at time zone 'UTC' between d.day + interval '6 hours' and d.day + interval '21 hours' then 0.35
        else 0.05 end * case when extract(isodow from d.day) < 6 then 1 else 0.25 end as taken
    from colleague c join public.agents a on a.supervisor_id = c.id
    cross join lateral (select v_until - interval '30 minutes' * k as opens_at from generate_series(1, 30 * 48 - 4) k) s
    cross join lateral (select date_trunc('day', s.opens_at at time zone 'UTC') as day) d
    where c.monthly > 0 and a.retired_at is null
    order by a.supervisor_id, a.slot, s.opens_at
  ) h where h.taken or (h.slot = 1 and h.opens_at = v_until - interval '30 minutes' and h.username <> 'lena');

  -- Some customers return, with the number and the subject of the supervisor's fourth interaction before, mostly when that one
  -- went wrong.
  update past p set phone = q.phone, about = q.about from past q
  where q.supervisor_id = p.supervisor_id and q.place = p.place - 4 and p.luck < case when q.bad then 0.45 else 0.07 end;

  alter table past add column started_at timestamptz, add column ended_at timestamptz, add column score integer, add column status text;
  update past p set score = case when p.bad then 8 + 34 * p.mood else least(99, p.good - 12 + 24 * p.mood) end,
    status = case when p.bad and p.mood < 0.4 then 'failed' else 'completed' end,
    started_at = p.opens_at + interval '6 minutes' * p.luck, ended_at = p.opens_at + interval '6 minutes' * p.luck
      + least(interval '22 minutes', interval '1 second' * round((150 + 270 * p.pace) * p.slowness * case when p.bad then 1.3 else 1 end));

  -- The triggers of these tables accept only present events, so they are switched off. The foreign keys stay checked. No row
  -- below is active or pending.
  foreach v_table in array v_tables loop
    execute format('alter table %s disable trigger user', v_table);
  end loop;

  insert into public.interactions (id, agent_id, supervisor_id, interaction_type, phone_number, status, started_at, ended_at, created_at)
  select id, agent_id, supervisor_id, channel, case when luck < 0.97 then phone end, status, started_at, ended_at, started_at
  from past order by started_at;

  -- A score every 15 seconds, from a neutral one at the start to the final one.
  create temporary table point on commit drop as
  select p.id, n * 15 as seconds, n, n = x.seconds / 15 as is_last,
    least(100, greatest(0, round((62 + (p.score - 62) * x.way + 9 * (1 - x.way) * sin(n * (0.4 + p.pace) + 40 * p.mood))::numeric, 1))) as score
  from past p cross join lateral (select extract(epoch from p.ended_at - p.started_at)::integer as seconds) e
  cross join lateral generate_series(0, e.seconds / 15) n
  cross join lateral (select e.seconds, n * 15.0 / e.seconds as way) x;

  insert into public.realtime_metrics (interaction_id, supervisor_id, timestamp, sentiment, satisfaction_score, feed_text, created_at)
  select p.id, p.supervisor_id, t.at, case when o.score >= 70 then 'good' when o.score >= 40 then 'neutral' else 'critical' end, o.score,
    case when o.n = 0 then 'Agent: Hello, this is the assistant. How can I help?'
      when o.n = 1 then 'Customer: ' || s.opening
      when o.is_last then case when p.bad then 'Customer: I''d rather talk to somebody else.' else 'Customer: Thank you, that helps.' end end, t.at
  from point o join past p using (id) join subject s on s.domain = p.domain and s.place = p.about
  cross join lateral (select p.started_at + interval '1 second' * o.seconds as at) t
  where p.ended_at > v_now - interval '24 hours';

  insert into public.interaction_archives (interaction_id, supervisor_id, summary, issues, tags, csat_score, resolution_time_seconds, series, created_at)
  select p.id, p.supervisor_id, s.opening || ' ' || (case
      when p.status = 'failed' then array['The customer left before there was an answer.', 'The connection was lost, and the customer did not come back.']
      when p.bad then array['Nothing could be promised, and the customer was angry.', 'It stays open, and a colleague is to get in touch.', 'The customer had to explain it all twice and was not satisfied.']
      when p.score < 80 then array['It was settled, if slowly.', 'It was settled in the end, after some asking back.', 'There was a way, not the one the customer had hoped for.']
      else array['It was settled at once, and the customer was pleased.', 'It took few questions; the customer said thank you.', 'All was explained and done within minutes.'] end)[1 + floor(p.pace * (3 - (p.status = 'failed')::integer))::integer],
    jsonb_build_array(jsonb_build_object('issue', s.issue, 'status', r.status, 'priority', case when p.bad then 'high' when p.pace < 0.3 then 'medium' else 'low' end))
      || case when p.mood < 0.05 then '[{"issue": "Waited too long for an answer", "status": "unresolved", "priority": "medium"}]' else '[]'::jsonb end,
    jsonb_build_object('topics', jsonb_build_array(p.domain), 'sentiment', case when p.score >= 70 then 'good' when p.score >= 40 then 'neutral' else 'critical' end,
      'issues', jsonb_build_array(jsonb_build_object('tag', s.tag, 'status', r.status))),
    case when p.luck < 0.94 then p.score end, extract(epoch from p.ended_at - p.started_at)::integer,
    case when p.ended_at <= v_now - interval '24 hours' then (
      select jsonb_agg(jsonb_build_array(o.seconds, o.score, case when o.score >= 70 then 'good' when o.score >= 40 then 'neutral' else 'critical' end) order by o.n)
      from point o where o.id = p.id) end, p.ended_at
  from past p join subject s on s.domain = p.domain and s.place = p.about
  cross join lateral (select case when p.bad then 'unresolved' else 'resolved' end as status) r
  where not (p.luck > 0.45 and p.luck < 0.5)
  order by p.ended_at;

  perform private.settle_fcr(n.phone_number, '-infinity', 'infinity')
  from (select distinct phone_number from public.interactions where phone_number is not null) n;

  -- Requested after a third of the interaction, decided within about a minute, executed once when allowed.
  insert into public.tool_permissions (interaction_id, agent_id, supervisor_id, tool_name, tool_description, arguments, arguments_digest, known_tool,
    requested_at, expires_at, status, responded_at, responded_by, responded_by_name, reason, execute_before,
    execution_id, executed_at, execution_succeeded, execution_result, execution_reported_at, created_at)
  select p.id, p.agent_id, p.supervisor_id, s.tool, t.description, w.arguments::json, encode(sha256(convert_to(w.arguments, 'UTF8')), 'hex'), true,
    w.at, w.at + interval '6 minutes', w.status, w.answered_at, u.id, coalesce(u.username, u.name),
    case when w.status = 'denied' then (array['Please check who it is first.', 'Not before a colleague has looked at it.', 'Please offer the other way first.', 'The customer has had this once already this month.'])[1 + floor(p.pace * 4)::integer] end,
    case when ran then w.answered_at + interval '2 minutes' end, case when ran then gen_random_uuid() end, case when ran then w.answered_at + interval '1 second' end,
    case when ran then p.mood < 0.93 end, case when ran then case when p.mood < 0.93 then '{"done": true}' else '{"error": "no answer in time"}'::jsonb end end,
    case when ran then w.answered_at + interval '3 seconds' end, w.at
  from past p join subject s on s.domain = p.domain and s.place = p.about
  join tool t on t.domain = s.domain and t.name = s.tool
  cross join lateral (select format(s.arguments, 10000 + floor(p.luck * 89999)::integer, 10 + floor(p.mood * 49)::integer) as arguments,
    p.started_at + (p.ended_at - p.started_at) / 3 as at, (p.ended_at - p.started_at) * 2 / 3 as rest) x
  cross join lateral (select x.arguments, x.at, case
      when p.status = 'failed' and x.rest < interval '6 minutes' then 'cancelled'
      when p.bad and x.rest > interval '370 seconds' then 'timeout'
      when p.luck < 0.1 or (p.bad and p.luck < 0.5) then 'denied' else 'allowed' end as status, x.rest) y
  cross join lateral (select y.arguments, y.at, y.status, y.status = 'allowed' as ran, case y.status when 'cancelled' then p.ended_at
      when 'timeout' then y.at + interval '6 minutes' else y.at + least(interval '1 second' * (4 + 70 * p.pace * p.pace), y.rest / 2) end as answered_at) w
  left join public.users u on w.status in ('allowed', 'denied')
    and u.id = coalesce((select a.id from public.users a where a.email = 'admin@example.com' and p.mood > 0.92), p.supervisor_id)
  where p.luck < 0.6;

  foreach v_table in array v_tables loop
    execute format('alter table %s enable trigger user', v_table);
  end loop;
  perform private.find_again(id) from past;
  perform private.recount_performance();  -- because the triggers that keep the sums were off
end $history$;
