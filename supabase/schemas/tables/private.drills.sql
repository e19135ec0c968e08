create table private.drills (
  id uuid not null default gen_random_uuid(),
  supervisor_id uuid not null,
  interaction_id uuid not null,
  template text not null,
  why text not null,
  tool_name text not null,
  tool_description text,
  known_tool boolean not null,
  arguments json,
  arguments_digest text,
  last_arguments json,
  last_allowed_at timestamptz,
  usual_amount numeric,
  created_at timestamptz not null default clock_timestamp(),
  created_by uuid,
  expires_at timestamptz not null,
  outcome text,
  ended_at timestamptz,
  constraint drills_pkey primary key (id),
  constraint drills_supervisor_id_fkey foreign key (supervisor_id) references public.users(id) on delete cascade,
  constraint drills_interaction_id_fkey foreign key (interaction_id) references public.interactions(id) on delete cascade,
  constraint drills_created_by_fkey foreign key (created_by) references public.users(id) on delete set null,
  constraint drills_template_check check (length(template) between 1 and 40),
  constraint drills_why_check check (length(why) between 1 and 300),
  constraint drills_tool_name_check check (length(tool_name) between 1 and 200),
  constraint drills_tool_description_check check (length(tool_description) <= 1000),
  constraint drills_outcome_check check (outcome in ('caught', 'allowed', 'missed', 'withdrawn')),
  constraint drills_ended_check check ((outcome is null) = (ended_at is null)),
  constraint drills_words_check check ((outcome is null) = (arguments is not null and arguments_digest is not null)
    and (outcome is null or last_arguments is null))
);

comment on table private.drills is
  'Requests that the product itself puts into a supervisor''s queue, and that ought to be denied. Nothing else shows or counts them.';
comment on column private.drills.template is 'Which of those in server/permissions/drills.py it was made from.';
comment on column private.drills.why is 'Why it ought to be denied, for the person who answered it.';
comment on column private.drills.arguments is
  'Until the drill ends; then it is null like last_arguments, because a drill may repeat what a customer''s request said.';
comment on column private.drills.last_arguments is 'What the card marks differences from, as for a request of an agent.';
comment on column private.drills.created_by is 'The admin who sent it; null for one of the day''s.';
comment on column private.drills.outcome is
  'caught: denied. allowed. missed: nobody answered it in time. withdrawn: a request of an agent came, or the interaction ended. Null while it waits.';
comment on constraint drills_pkey on private.drills is
  'a drill is sent once';
comment on constraint drills_supervisor_id_fkey on private.drills is
  'a drill is on the floor of a person who exists';
comment on constraint drills_interaction_id_fkey on private.drills is
  'a drill belongs to an interaction that exists';
comment on constraint drills_created_by_fkey on private.drills is
  'who sent it is a person who exists';
comment on constraint drills_template_check on private.drills is
  'a template has a name of 40 characters at most';
comment on constraint drills_why_check on private.drills is
  'why a drill ought to be denied is said in 300 characters at most';
comment on constraint drills_tool_name_check on private.drills is
  'a tool has a name of 200 characters at most';
comment on constraint drills_tool_description_check on private.drills is
  'a description has 1000 characters at most';
comment on constraint drills_outcome_check on private.drills is
  'a drill is caught, allowed, missed or withdrawn';
comment on constraint drills_ended_check on private.drills is
  'a drill that ended has an outcome';
comment on constraint drills_words_check on private.drills is
  'a drill has arguments until it ends';

-- A floor has one at a time.
create unique index drills_waiting on private.drills (supervisor_id) where outcome is null;
comment on index private.drills_waiting is
  'a floor has one drill at a time';
-- The drills of a day and of the last ten minutes; the foreign key.
create index drills_of_supervisor on private.drills (supervisor_id, created_at desc);
-- The foreign key: an interaction that is deleted.
create index drills_of_interaction on private.drills (interaction_id);
-- The foreign key: an admin who is deleted.
create index drills_by_admin on private.drills (created_by);
