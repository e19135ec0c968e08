create table private.given_signals (
  user_id uuid not null,
  signal text not null,
  subject_id uuid not null,
  since timestamptz not null,
  given_at timestamptz not null default clock_timestamp(),
  constraint given_signals_pkey primary key (user_id, signal, subject_id, since),
  constraint given_signals_user_id_fkey foreign key (user_id) references public.users(id) on delete cascade
);

comment on table private.given_signals is
  'Signals that a page has given a person, or that are being sent by web push: none is given twice. Only people with a push subscription have rows.';
comment on column private.given_signals.subject_id is
  'The tool permission, the drill or the interaction.';
comment on column private.given_signals.since is
  'Since when it is critical or silent; when a request was made.';
comment on constraint given_signals_pkey on private.given_signals is
  'a signal is given once';
comment on constraint given_signals_user_id_fkey on private.given_signals is
  'a signal is given to a person who exists';

-- Retention: those of yesterday.
create index given_signals_age on private.given_signals (given_at);
