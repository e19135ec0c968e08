create table private.push_messages (
  id bigint not null generated always as identity,
  subscription_id uuid not null,
  signal text not null,
  subject_id uuid not null,
  agent_name text not null,
  tool_name text,
  ends_at timestamptz not null,
  attempts integer not null default 0,
  next_at timestamptz not null default clock_timestamp(),
  constraint push_messages_pkey primary key (id),
  constraint push_messages_subscription_id_fkey foreign key (subscription_id) references public.push_subscriptions(id) on delete cascade
);

comment on table private.push_messages is
  'Signals on their way to a push service, one row per browser; gone as soon as they are delivered, given up, or too late.';
comment on column private.push_messages.ends_at is
  'When it is too late to call: the request has expired, or ten minutes have passed.';
comment on column private.push_messages.next_at is
  'When the next attempt is due; while one runs, when it is taken for lost.';
comment on constraint push_messages_pkey on private.push_messages is
  'this id is taken';
comment on constraint push_messages_subscription_id_fkey on private.push_messages is
  'a message goes to a subscription that exists';

-- What is due.
create index push_messages_due on private.push_messages (next_at);
-- The foreign key: a subscription that ends.
create index push_messages_subscription on private.push_messages (subscription_id);
