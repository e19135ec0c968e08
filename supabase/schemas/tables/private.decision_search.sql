-- What the history of tool permissions finds a text by. The index is not on public.tool_permissions: of a request it would hold all three row
-- versions (asked, decided, executed), which doubles the log that a request writes (13 kB, then 27), while an agent and a person wait. Here a
-- request has one row, which the sweeper makes when 500 have come, and neither statement does anything for it.
create table private.decision_search (
  tool_permission_id uuid not null,
  agent_id uuid not null,
  requested_at timestamptz not null,
  key text,
  constraint decision_search_pkey primary key (tool_permission_id),
  constraint decision_search_tool_permission foreign key (tool_permission_id) references public.tool_permissions(id) on delete cascade
);
-- The planner learns from these keys how many rows have a text: with 100 of them, what 1 in 1,000 have would look like 1 in 100, or none.
alter table private.decision_search alter column key set statistics 500;

comment on table private.decision_search is
  'One row for each tool permission but the newest, made by private.fill_decision_search in the order in which they were asked. Read by private.decisions_with_text alone.';
comment on column private.decision_search.agent_id is
  'And not the supervisor: when an agent moves, with all its requests, nothing changes here.';
comment on column private.decision_search.key is
  'Tool, arguments with those that a person changed or proposed, reason and customer as private.search_key has them; null while it waits for a decision.';
comment on constraint decision_search_pkey on private.decision_search is
  'a tool permission is found once';
comment on constraint decision_search_tool_permission on private.decision_search is
  'what is found is a tool permission that exists';

-- A part of the text. Its new entries wait in a list that private.fill_decision_search sorts in.
create index decision_search_key on private.decision_search using gin (key extensions.gin_trgm_ops);
-- Everybody's, newest first; and the newest, after which private.fill_decision_search goes on.
create index decision_search_requested on private.decision_search (requested_at desc);
-- Those that waited for a decision when their row was made.
create index decision_search_waiting on private.decision_search (tool_permission_id) where key is null;
