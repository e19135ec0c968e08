create table public.tool_permissions (
  id uuid not null default gen_random_uuid(),
  interaction_id uuid not null,
  agent_id uuid not null,
  supervisor_id uuid not null,
  tool_name text not null,
  tool_description text,
  arguments json not null default '{}',
  arguments_digest text not null,
  known_tool boolean not null default false,
  requested_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  status text not null default 'pending',
  supervisor_response text generated always as (
    case when status in ('allowed', 'denied', 'timeout') then status else null::text end) stored,
  rule text,
  responded_at timestamptz,
  responded_by uuid,
  responded_by_name text,
  reason text,
  execute_before timestamptz,
  execution_id uuid,
  executed_at timestamptz,
  execution_succeeded boolean,
  execution_result jsonb,
  execution_reported_at timestamptz,
  created_at timestamptz not null default now(),
  held_decision text,
  held_by uuid,
  held_by_name text,
  held_reason text,
  held_until timestamptz,
  times_held smallint not null default 0,
  grant_id uuid,
  grant_use integer,
  compared_with uuid,
  accepts_changes boolean not null default false,
  changed_arguments json,
  changed_arguments_digest text,
  proposed_arguments json,
  usual_amount numeric,
  held_at timestamptz,
  constraint tool_permissions_pkey primary key (id),
  constraint tool_permissions_execution_id_key unique (execution_id),
  constraint tool_permissions_answered check ((status = 'pending') = (responded_at is null)),
  constraint tool_permissions_arguments_check check (json_typeof(arguments) = 'object'),
  constraint tool_permissions_changed check ((changed_arguments is null) = (changed_arguments_digest is null)
    and (changed_arguments is null or accepts_changes and (status = 'allowed' or held_until is not null))),
  constraint tool_permissions_proposed check (proposed_arguments is null or status = 'denied'),
  constraint tool_permissions_decided check (((status in ('allowed', 'denied'))
    and rule is null) = (responded_by is not null) and (responded_by is null) = (responded_by_name is null)),
  constraint tool_permissions_executed check ((execution_id is null) = (executed_at is null)
    and (executed_at is null or status = 'allowed')),
  constraint tool_permissions_grant_use check ((grant_id is null) = (grant_use is null) and (grant_id is null
    or rule = 'grant')),
  constraint tool_permissions_held check ((held_decision is null) = (held_until is null)
    and (held_by is null) = (held_until is null) and (held_by_name is null) = (held_until is null)
    and (held_until is not null or held_reason is null) and (held_until is null or status = 'pending')),
  constraint tool_permissions_held_decision check (held_decision = 'allowed'),
  constraint tool_permissions_held_reason check (length(held_reason) <= 1000),
  constraint tool_permissions_reason_check check (length(reason) <= 1000),
  constraint tool_permissions_reported check ((execution_reported_at is null) = (execution_succeeded is null)
    and (execution_reported_at is null or executed_at is not null)),
  constraint tool_permissions_rule check (rule is null
    or case rule when 'refused' then status = 'denied' else status = 'allowed' end),
  constraint tool_permissions_rule_check check (rule in ('not_required', 'shown', 'limit', 'grant', 'refused')),
  constraint tool_permissions_status_check check (status in ('pending', 'allowed', 'denied', 'timeout', 'cancelled')),
  constraint tool_permissions_tool_description_check check (length(tool_description) <= 4000),
  constraint tool_permissions_tool_name_check check (length(tool_name) >= 1 and length(tool_name) <= 255),
  constraint tool_permissions_window check ((status = 'allowed') = (execute_before is not null)),
  constraint tool_permissions_agent_id_fkey foreign key (agent_id) references public.agents(id),
  constraint tool_permissions_grant foreign key (grant_id) references public.tool_grants(id),
  constraint tool_permissions_held_by foreign key (held_by) references public.users(id) on delete restrict,
  constraint tool_permissions_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade,
  constraint tool_permissions_responded_by_fkey foreign key (responded_by)
    references public.users(id) on delete restrict
);

comment on table public.tool_permissions is
  'An agent''s request to use a tool, its decision, and its one execution.';
comment on column public.tool_permissions.arguments is
  'json and not jsonb, so that people see names and values in the order in which they were sent.';
comment on column public.tool_permissions.arguments_digest is
  'sha256 (hex) of the text of arguments; binds the execution to what was allowed.';
comment on column public.tool_permissions.compared_with is
  'The last request for the same tool that was allowed on this floor when this one arrived: its card shows what differs. No foreign key, because a request that is gone is nothing to compare with.';
comment on column public.tool_permissions.accepts_changes is
  'Whether the agent runs the tool with other arguments where a person changes them.';
comment on column public.tool_permissions.changed_arguments is
  'The arguments that a person allowed instead; the execution is claimed with their digest alone.';
comment on column public.tool_permissions.proposed_arguments is
  'The arguments that a person proposed with a denial.';
comment on column public.tool_permissions.usual_amount is
  'The median amount that this supervisor themself allowed for this tool when the request arrived; null with fewer than ten such.';
comment on column public.tool_permissions.known_tool is
  'Whether the tool is among the agent''s; one that is not always asks.';
comment on column public.tool_permissions.rule is
  'Decided by a rule instead of a person. Allowed: not_required or shown by the tool''s mode, limit for an amount up to asks_above, grant by a standing approval. Denied: refused by the tool''s mode or limits.';
comment on column public.tool_permissions.responded_by_name is
  'The username, or the name of an admin, at that time. A copy, because supervisors may not read each other''s rows.';
comment on column public.tool_permissions.execute_before is
  'Until when the execution must be claimed.';
comment on column public.tool_permissions.held_decision is
  'allowed: a person has allowed it and can still take that back. The status stays pending until held_until, so that the tool does not run yet.';
comment on column public.tool_permissions.held_by is
  'The only person who can take it back.';
comment on column public.tool_permissions.held_by_name is
  'Their username, or the name of an admin. A copy, because supervisors may not read each other''s rows.';
comment on column public.tool_permissions.held_reason is
  'The reason that they gave; it becomes the decision''s.';
comment on column public.tool_permissions.held_until is
  'When the allow takes effect, unless it is taken back or the interaction ends before.';
comment on column public.tool_permissions.held_at is
  'When the person pressed Allow, of an allow that is or was held until held_until; null for every other decision. How long a person took is measured until then.';
comment on column public.tool_permissions.times_held is
  'How many times an allow was held. With held_until it orders the versions of its card.';
comment on column public.tool_permissions.grant_id is
  'The grant that allowed it.';
comment on column public.tool_permissions.grant_use is
  'Which use of that grant it is: 1, 2, …';
comment on constraint tool_permissions_pkey on public.tool_permissions is
  'this id is taken';
comment on constraint tool_permissions_execution_id_key on public.tool_permissions is
  'an execution belongs to one tool permission';
comment on constraint tool_permissions_answered on public.tool_permissions is
  'a tool permission has the time of its answer when it is not pending, and only then';
comment on constraint tool_permissions_arguments_check on public.tool_permissions is
  'arguments is an object';
comment on constraint tool_permissions_changed on public.tool_permissions is
  'only an allow has changed arguments, with their digest, where the agent accepts changes';
comment on constraint tool_permissions_proposed on public.tool_permissions is
  'only a denial has proposed arguments';
comment on constraint tool_permissions_decided on public.tool_permissions is
  'a decision that is no rule''s has a person with a name, and only such a decision';
comment on constraint tool_permissions_executed on public.tool_permissions is
  'only an allowed tool permission is executed, at a time and with an id';
comment on constraint tool_permissions_grant_use on public.tool_permissions is
  'a use has a grant and its number, and the rule grant';
comment on constraint tool_permissions_held on public.tool_permissions is
  'a held decision is of a pending tool permission and says by whom and until when';
comment on constraint tool_permissions_held_decision on public.tool_permissions is
  'held_decision is allowed';
comment on constraint tool_permissions_held_reason on public.tool_permissions is
  'held_reason has at most 1000 characters';
comment on constraint tool_permissions_reason_check on public.tool_permissions is
  'reason has at most 1000 characters';
comment on constraint tool_permissions_reported on public.tool_permissions is
  'a result has a time and belongs to an execution';
comment on constraint tool_permissions_rule on public.tool_permissions is
  'a rule allows, and the rule refused denies';
comment on constraint tool_permissions_rule_check on public.tool_permissions is
  'rule is not_required, shown, limit, grant or refused';
comment on constraint tool_permissions_status_check on public.tool_permissions is
  'status is pending, allowed, denied, timeout or cancelled';
comment on constraint tool_permissions_tool_description_check on public.tool_permissions is
  'tool_description has at most 4000 characters';
comment on constraint tool_permissions_tool_name_check on public.tool_permissions is
  'tool_name has 1 to 255 characters';
comment on constraint tool_permissions_window on public.tool_permissions is
  'a tool permission has execute_before when it is allowed, and only then';
comment on constraint tool_permissions_agent_id_fkey on public.tool_permissions is
  'a tool permission belongs to an agent that exists';
comment on constraint tool_permissions_grant on public.tool_permissions is
  'a use belongs to a grant that exists';
comment on constraint tool_permissions_held_by on public.tool_permissions is
  'a decision is held by a person who exists';
comment on constraint tool_permissions_interaction on public.tool_permissions is
  'a tool permission belongs to an interaction of the same supervisor, which exists';
comment on constraint tool_permissions_responded_by_fkey on public.tool_permissions is
  'a decision was made by a person who exists';

-- The foreign key to the agent.
create index tool_permissions_agent on public.tool_permissions (agent_id);
-- The foreign key: who holds an allow.
create index tool_permissions_held_by on public.tool_permissions (held_by) where held_by is not null;
-- The sweep: held allows whose time has come.
create index tool_permissions_held_until on public.tool_permissions (held_until) where held_until is not null;
-- An interaction's requests, and the foreign key, which cascades when an agent moves.
create index tool_permissions_interaction on public.tool_permissions (interaction_id, supervisor_id);
-- The sweep: requests whose time is over.
create index tool_permissions_pending on public.tool_permissions (expires_at) where status = 'pending';
-- An agent's waiting requests, oldest first: its cap, and the order of the queue.
create index tool_permissions_pending_agent on public.tool_permissions (agent_id,
    requested_at) where status = 'pending';
-- A supervisor's waiting requests, oldest first: the floor.
create index tool_permissions_pending_supervisor on public.tool_permissions (supervisor_id,
    requested_at) where status = 'pending';
-- A supervisor's answered requests, newest first: what fades on the floor.
create index tool_permissions_recent on public.tool_permissions (supervisor_id,
    responded_at desc) where status <> 'pending';
-- The last request for a tool that was allowed on a floor: what a new one is compared with.
create index tool_permissions_last_allowed on public.tool_permissions (supervisor_id, tool_name, responded_at desc) where status = 'allowed';
-- A supervisor's requests, newest first: the history.
create index tool_permissions_history on public.tool_permissions (supervisor_id, requested_at desc, id desc);
-- Everybody's requests, newest first.
create index tool_permissions_requested on public.tool_permissions (requested_at desc);
-- The history: executions that failed, newest first. With it a result writes 1.0 kB to the log and not 0.3, because its update changes a column
-- of an index; a request and its decision write what they did.
create index tool_permissions_failed on public.tool_permissions (requested_at desc) where not execution_succeeded;
-- The history by status, newest first. Without this and the next six, an admin's page of what few decisions have reads everybody's rows.
create index tool_permissions_status on public.tool_permissions (status, requested_at desc);
-- The history by tool.
create index tool_permissions_tool on public.tool_permissions (tool_name, requested_at desc);
-- The history by the person who decided.
create index tool_permissions_who on public.tool_permissions (responded_by_name, requested_at desc) where responded_by_name is not null;
-- The history by the rule that decided.
create index tool_permissions_rule on public.tool_permissions (rule, requested_at desc) where rule is not null;
-- The history: what was allowed and did not run. Also what an admin's wallboard tells of it.
create index tool_permissions_not_executed on public.tool_permissions (requested_at desc) where status = 'allowed' and executed_at is null;
-- The history: executions without a result.
create index tool_permissions_no_result on public.tool_permissions (requested_at desc) where executed_at is not null
  and execution_succeeded is null;
-- The history: late answers, as `late` in decision_rows.py.
create index tool_permissions_late on public.tool_permissions (requested_at desc) where rule is null and status in ('allowed', 'denied')
  and coalesce(held_at, responded_at) - requested_at - (expires_at - requested_at - (responded_at - coalesce(held_at, responded_at))) / 2 > interval '0';
-- How few executions have no result, and how many allows did not run: the planner cannot know it from the columns alone.
create statistics public.tool_permissions_execution on (case when executed_at is not null and execution_succeeded is null then 'started'
  when status = 'allowed' and executed_at is null then 'not' end) from public.tool_permissions;
-- How many answers are late: without it the planner supposes a third, and may read everybody's rows in place of the index.
create statistics public.tool_permissions_lateness on (coalesce(held_at, responded_at) - requested_at - (expires_at - requested_at - (responded_at - coalesce(held_at, responded_at))) / 2) from public.tool_permissions;
-- The foreign key: who decided is not deleted while the decision stands.
create index tool_permissions_responded_by on public.tool_permissions (responded_by);
-- Each use of a grant has a number of its own: none is given twice.
create unique index tool_permissions_use_of_grant on public.tool_permissions (grant_id,
    grant_use) where grant_id is not null;
comment on index public.tool_permissions_use_of_grant is
  'each use of a grant has a number of its own';
-- Rules of alerts: what expired lately.
create index tool_permissions_expired on public.tool_permissions (responded_at) where status = 'timeout';
