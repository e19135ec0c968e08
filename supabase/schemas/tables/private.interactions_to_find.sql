create table private.interactions_to_find (
  interaction_id uuid not null,
  started_at timestamptz not null,
  constraint interactions_to_find_pkey primary key (interaction_id)
);

comment on table private.interactions_to_find is
  'Interactions whose row of private.interaction_search is made later, the newest first: those that had ended before that table came, and those of which a turn arrived late.';
comment on constraint interactions_to_find_pkey on private.interactions_to_find is
  'an interaction waits once';

-- The newest first.
create index interactions_to_find_newest on private.interactions_to_find (started_at desc);
