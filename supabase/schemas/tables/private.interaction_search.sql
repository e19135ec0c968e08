-- What the page Interactions filters and searches by. Interactions, archives, decisions and turns have it in four tables, and no index
-- spans them; a policy would also keep the indexes of words from being used, because their operators are not leakproof.
create table private.interaction_search (
  interaction_id uuid not null,
  supervisor_id uuid not null,
  agent_id uuid not null,
  started_at timestamptz not null,
  duration_seconds integer not null,
  satisfaction numeric(5,2),
  csat numeric(5,2),
  labels text[] not null,
  words tsvector not null,
  cells text[],
  constraint interaction_search_pkey primary key (interaction_id),
  constraint interaction_search_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
);

comment on table private.interaction_search is
  'One row for each interaction that has ended, made by private.find_again. Read by private.find_interactions alone.';
comment on column private.interaction_search.satisfaction is 'At the end, 0 to 100; null when it was never measured.';
comment on column private.interaction_search.csat is '0 to 100; null without an answer.';
comment on column private.interaction_search.labels is
  'The filters that the interaction matches, in lower case, each as name:value: channel:voice, topic:refund. A test interaction also has the word test. The sentiment is that at the end. Made by private.interaction_labels.';
comment on column private.interaction_search.words is
  'Words of the summary, the transcript and the caller, ids, and every end of the phone number of three digits or more, so that a part of it is the beginning of one.';
comment on column private.interaction_search.cells is
  'The line of a CSV file, made by private.interaction_cells, because to put a line together takes ten times as long as to read it. Null until private.find_waiting has come by, for what ended before there was this column.';
comment on constraint interaction_search_pkey on private.interaction_search is
  'an interaction is found once';
comment on constraint interaction_search_interaction on private.interaction_search is
  'what is found is an interaction that exists';

-- The foreign key, which cascades when an agent moves.
create index interaction_search_owner on private.interaction_search (interaction_id, supervisor_id);
-- The newest of everybody.
create index interaction_search_started on private.interaction_search (started_at desc, interaction_id desc);
-- A supervisor's, newest first.
create index interaction_search_supervisor on private.interaction_search (supervisor_id, started_at desc, interaction_id desc);
-- An agent's, newest first.
create index interaction_search_agent on private.interaction_search (agent_id, started_at desc, interaction_id desc);
-- By duration.
create index interaction_search_duration on private.interaction_search (duration_seconds, interaction_id);
-- A supervisor's by duration: without it, the longest of one in twenty are looked for among everybody's.
create index interaction_search_supervisor_duration on private.interaction_search (supervisor_id, duration_seconds, interaction_id);
-- By satisfaction at the end.
create index interaction_search_satisfaction on private.interaction_search (satisfaction, interaction_id)
  where satisfaction is not null;
-- By CSAT.
create index interaction_search_csat on private.interaction_search (csat, interaction_id) where csat is not null;
-- What has these labels, of one supervisor or of all.
create index interaction_search_labels on private.interaction_search using gin (private.search_keys(labels, supervisor_id));
-- What has these words.
create index interaction_search_words on private.interaction_search using gin (words);
