create table public.audit_logs (
  id bigint not null generated always as identity,
  at timestamptz not null default clock_timestamp(),
  actor_id uuid,
  actor text not null,
  action text not null,
  row_id text not null,
  supervisor_id uuid,
  changes jsonb not null,
  constraint audit_logs_pkey primary key (id)
);

comment on table public.audit_logs is
  'Append-only: who did what to which row, and when. Triggers write it for every role; UPDATE, DELETE and TRUNCATE are refused.';
comment on column public.audit_logs.actor_id is
  'The person; null for an agent, the service key and the database''s owner.';
comment on column public.audit_logs.actor is
  'The username, an admin''s name or the role, as it was then.';
comment on column public.audit_logs.action is
  '<table>.<insert|update|delete>';
comment on column public.audit_logs.supervisor_id is
  'The supervisor concerned; null when there is none.';
comment on column public.audit_logs.changes is
  '{column: [before, after]}; never a secret, a prompt, or what a customer said.';
comment on constraint audit_logs_pkey on public.audit_logs is
  'this id is taken';

-- What happened to one row, newest first.
create index audit_logs_row on public.audit_logs (row_id, id desc);
-- What happened to a supervisor's rows, newest first.
create index audit_logs_supervisor on public.audit_logs (supervisor_id, id desc);
