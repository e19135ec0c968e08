create table public.alerts (
  id uuid not null default gen_random_uuid(),
  rule_id uuid not null,
  rule_name text not null,
  condition text not null,
  amount integer not null,
  minutes integer,
  supervisor_id uuid not null,
  interaction_id uuid,
  subject_id uuid not null,
  measured integer not null,
  calls_supervisor boolean not null,
  calls_admins boolean not null,
  opened_at timestamptz not null,
  calm_since timestamptz,
  closed_at timestamptz,
  closed_because text,
  acknowledged_at timestamptz,
  acknowledged_by uuid,
  acknowledged_by_name text,
  constraint alerts_pkey primary key (id),
  constraint alerts_rule_id_fkey foreign key (rule_id) references public.alert_rules(id),
  constraint alerts_supervisor_id_fkey foreign key (supervisor_id) references public.users(id),
  constraint alerts_acknowledged_by_fkey foreign key (acknowledged_by) references public.users(id),
  constraint alerts_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade,
  constraint alerts_closed check ((closed_at is null) = (closed_because is null)),
  constraint alerts_closed_because_check check (closed_because in ('over', 'ended', 'rule')),
  constraint alerts_acknowledged check ((acknowledged_at is null) = (acknowledged_by is null))
);

comment on table public.alerts is
  'What rules found: opened once, closed when the condition has been over for half a minute, and acknowledged by a person.';
comment on column public.alerts.rule_name is 'As the rule was when it opened; the same of condition, amount, minutes and calls.';
comment on column public.alerts.subject_id is 'The interaction, the tool permission, or for a share or a number of a window the supervisor.';
comment on column public.alerts.measured is 'What was measured when it opened: seconds, percent or a number.';
comment on column public.alerts.calm_since is 'Since when the condition has been over; null while it lasts.';
comment on column public.alerts.closed_because is 'over: the condition is; ended: its subject has; rule: that was changed or retired.';
comment on constraint alerts_pkey on public.alerts is 'this id is taken';
comment on constraint alerts_rule_id_fkey on public.alerts is 'an alert is of a rule that exists';
comment on constraint alerts_supervisor_id_fkey on public.alerts is 'an alert concerns a supervisor who exists';
comment on constraint alerts_acknowledged_by_fkey on public.alerts is 'an alert is acknowledged by a person who exists';
comment on constraint alerts_interaction on public.alerts is 'an alert is about an interaction of the same supervisor, which exists';
comment on constraint alerts_closed on public.alerts is 'an alert is closed for a reason, and open without one';
comment on constraint alerts_closed_because_check on public.alerts is 'an alert is closed because it is over, its subject has ended, or its rule was changed';
comment on constraint alerts_acknowledged on public.alerts is 'who acknowledged an alert and when are known together';

-- A rule does not open twice for one subject.
create unique index alerts_open on public.alerts (rule_id, subject_id) where closed_at is null;
comment on index public.alerts_open is
  'this alert is open already';
-- A supervisor's alerts, newest first, and the foreign key.
create index alerts_of_supervisor on public.alerts (supervisor_id, opened_at desc);
-- Everybody's, newest first; the sweep deletes from the other end.
create index alerts_opened on public.alerts (opened_at desc);
-- The foreign key to the interaction, which cascades when an agent moves.
create index alerts_of_interaction on public.alerts (interaction_id, supervisor_id) where interaction_id is not null;
-- The foreign key to the person.
create index alerts_acknowledged_by on public.alerts (acknowledged_by) where acknowledged_by is not null;
-- The foreign key to the rule.
create index alerts_rule on public.alerts (rule_id);
