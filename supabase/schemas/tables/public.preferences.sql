create table public.preferences (
  user_id uuid not null,
  zone text,
  clock text not null default '24',
  theme text not null default 'system',
  density text not null default 'comfortable',
  changed_at timestamptz not null default clock_timestamp(),
  constraint preferences_pkey primary key (user_id),
  constraint preferences_user_id_fkey foreign key (user_id) references public.users(id) on delete cascade,
  constraint preferences_clock_check check (clock in ('12', '24')),
  constraint preferences_theme_check check (theme in ('system', 'light', 'dark')),
  constraint preferences_density_check check (density in ('comfortable', 'compact'))
);

comment on table public.preferences is
  'How a person wants to see every page. It follows them to each browser in which they sign in.';
comment on column public.preferences.zone is
  'The time zone in which times are shown; null for that of the browser.';
comment on constraint preferences_pkey on public.preferences is
  'a person has these preferences once';
comment on constraint preferences_user_id_fkey on public.preferences is
  'preferences belong to a person who exists';
comment on constraint preferences_clock_check on public.preferences is
  'the clock has 12 or 24 hours';
comment on constraint preferences_theme_check on public.preferences is
  'the theme is system, light or dark';
comment on constraint preferences_density_check on public.preferences is
  'the density is comfortable or compact';
