create table public.signal_choices (
  user_id uuid not null,
  sounds text[] not null,
  notifications text[] not null,
  quiet_from time,
  quiet_until time,
  zone text not null,
  changed_at timestamptz not null default clock_timestamp(),
  constraint signal_choices_pkey primary key (user_id),
  constraint signal_choices_sounds_check check (sounds <@ '{request,critical,silent,half,ending}'::text[]),
  constraint signal_choices_notifications_check check (notifications <@ '{request,critical,silent,half,ending}'::text[]),
  constraint signal_choices_quiet_check check ((quiet_from is null) = (quiet_until is null)
    and (quiet_from is null or quiet_from <> quiet_until)),
  constraint signal_choices_zone_check check (length(zone) between 1 and 64),
  constraint signal_choices_user_id_fkey foreign key (user_id) references public.users(id) on delete cascade
);

comment on table public.signal_choices is
  'Which signals call a person, and how. Without a row: private.usual_signals. request: it arrived; half, ending: half of its time is over, 30 s are left; critical, silent: an interaction is, silent for a minute.';
comment on column public.signal_choices.notifications is
  'Signals that are shown by the browser, and sent by web push where no page of the person is open.';
comment on column public.signal_choices.quiet_from is
  'By the clock of the zone. From then until quiet_until nothing sounds, notifies or is sent. It may pass midnight.';
comment on constraint signal_choices_pkey on public.signal_choices is
  'a person has chosen once';
comment on constraint signal_choices_sounds_check on public.signal_choices is
  'a signal is request, critical, silent, half or ending';
comment on constraint signal_choices_notifications_check on public.signal_choices is
  'a signal is request, critical, silent, half or ending';
comment on constraint signal_choices_quiet_check on public.signal_choices is
  'quiet hours have a beginning and another end, or neither';
comment on constraint signal_choices_zone_check on public.signal_choices is
  'a time zone has a name of 1 to 64 characters';
comment on constraint signal_choices_user_id_fkey on public.signal_choices is
  'choices belong to a person who exists';
