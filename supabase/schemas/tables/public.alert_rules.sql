create table public.alert_rules (
  id uuid not null default gen_random_uuid(),
  name text not null,
  condition text not null,
  amount integer not null,
  minutes integer,
  supervisor_id uuid,
  days smallint[] not null default '{1,2,3,4,5,6,7}'::smallint[],
  from_time time,
  until_time time,
  zone text not null default 'UTC',
  calls text not null,
  version integer not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  changed_by uuid not null,
  changed_by_name text not null,
  retired_at timestamptz,
  constraint alert_rules_pkey primary key (id),
  constraint alert_rules_supervisor_id_fkey foreign key (supervisor_id) references public.users(id),
  constraint alert_rules_changed_by_fkey foreign key (changed_by) references public.users(id),
  constraint alert_rules_name_check check (length(name) between 1 and 80),
  constraint alert_rules_condition_check check (condition in ('critical', 'silence', 'satisfaction', 'pending', 'expired', 'failed')),
  constraint alert_rules_amount check (amount between case when condition in ('critical', 'silence', 'pending') then 5 else 1 end
    and case condition when 'critical' then 3600 when 'silence' then 3600 when 'pending' then 360 when 'failed' then 1000 else 100 end),
  constraint alert_rules_minutes check ((minutes is not null) = (condition in ('expired', 'failed')) and minutes between 1 and 60),
  constraint alert_rules_days check (cardinality(days) between 1 and 7 and days <@ '{1,2,3,4,5,6,7}'::smallint[]),
  constraint alert_rules_hours check ((from_time is null) = (until_time is null) and from_time <> until_time),
  constraint alert_rules_calls_check check (calls in ('supervisor', 'admins', 'both'))
);

comment on table public.alert_rules is
  'When people are called to their screens: a condition, whose interactions, on which days and hours, and whom it calls.';
comment on column public.alert_rules.condition is
  'critical, silence: an interaction for amount seconds; satisfaction: of an interaction under amount %; pending: a tool permission for amount seconds; expired: amount % or more of a supervisor''s tool permissions in so many minutes; failed: amount or more of a supervisor''s interactions in so many minutes.';
comment on column public.alert_rules.minutes is
  'The window of expired and failed.';
comment on column public.alert_rules.supervisor_id is
  'Whose interactions; null for everybody''s.';
comment on column public.alert_rules.days is
  'From 1, Monday, to 7. Hours over midnight belong to the day on which they begin.';
comment on column public.alert_rules.from_time is
  'In the zone; null for the whole day.';
comment on column public.alert_rules.calls is
  'Whom it calls: the supervisor whose interaction it is, the admins, or both.';
comment on constraint alert_rules_pkey on public.alert_rules is
  'this id is taken';
comment on constraint alert_rules_supervisor_id_fkey on public.alert_rules is
  'a rule is about the interactions of a supervisor who exists';
comment on constraint alert_rules_changed_by_fkey on public.alert_rules is
  'a rule is made by a person who exists';
comment on constraint alert_rules_name_check on public.alert_rules is
  'a rule has a name of 1 to 80 characters';
comment on constraint alert_rules_condition_check on public.alert_rules is
  'a condition is critical, silence, satisfaction, pending, expired or failed';
comment on constraint alert_rules_amount on public.alert_rules is
  'critical and silence take 5 to 3600 seconds, pending 5 to 360, satisfaction and expired 1 to 100 %, failed 1 to 1000 interactions';
comment on constraint alert_rules_minutes on public.alert_rules is
  'expired and failed look back 1 to 60 minutes, and the other conditions do not';
comment on constraint alert_rules_days on public.alert_rules is
  'a rule has one day of the week or more, from 1 to 7';
comment on constraint alert_rules_hours on public.alert_rules is
  'hours have a beginning and another end, or neither';
comment on constraint alert_rules_calls_check on public.alert_rules is
  'a rule calls the supervisor, the admins or both';

-- The foreign key to the supervisor.
create index alert_rules_supervisor on public.alert_rules (supervisor_id) where supervisor_id is not null;
-- The foreign key to the admin.
create index alert_rules_changed_by on public.alert_rules (changed_by);
