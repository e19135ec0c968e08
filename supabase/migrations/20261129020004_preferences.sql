-- Why: a person who moves to another browser, or to the second monitor of a colleague, wants their own clock, zone and theme there.

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

create or replace function public.set_preferences(p_zone text, p_clock text, p_theme text, p_density text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_viewer uuid := private.viewer_id();
begin
  if private.viewer_role() is null then
    raise exception 'only people have preferences' using errcode = 'FW403';
  end if;
  if p_zone is not null and not private.is_zone(p_zone) then
    raise exception 'there is no time zone %', pg_catalog.left(p_zone, 60) using errcode = 'FW422';
  elsif p_clock not in ('12', '24') or p_theme not in ('system', 'light', 'dark') or p_density not in ('comfortable', 'compact') then
    raise exception 'a clock is 12 or 24, a theme system, light or dark, a density comfortable or compact' using errcode = 'FW422';
  end if;
  insert into public.preferences as p (user_id, zone, clock, theme, density)
  values (v_viewer, p_zone, coalesce(p_clock, '24'), coalesce(p_theme, 'system'), coalesce(p_density, 'comfortable'))
  on conflict (user_id) do update set zone = excluded.zone, clock = coalesce(p_clock, p.clock), theme = coalesce(p_theme, p.theme),
    density = coalesce(p_density, p.density), changed_at = pg_catalog.clock_timestamp();
end $$;
comment on function public.set_preferences(text, text, text, text) is
  'How the caller wants to see every page: zone (null: of the browser), clock, theme, density (null: as it is). FW403, FW422.';
grant execute on function public.set_preferences(text, text, text, text) to authenticated;

create or replace function public.set_theme(p_theme text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_viewer uuid := private.viewer_id();
begin
  if private.viewer_role() is null then
    raise exception 'only people have preferences' using errcode = 'FW403';
  elsif p_theme is null or p_theme not in ('system', 'light', 'dark') then
    raise exception 'a theme is system, light or dark' using errcode = 'FW422';
  end if;
  insert into public.preferences as p (user_id, theme) values (v_viewer, p_theme)
  on conflict (user_id) do update set theme = excluded.theme, changed_at = pg_catalog.clock_timestamp() where p.theme <> excluded.theme;
end $$;
comment on function public.set_theme(text) is
  'The theme that the caller chose with the button of a page; the other preferences stay. FW403, FW422.';
grant execute on function public.set_theme(text) to authenticated;

alter table public.preferences enable row level security;
grant select on public.preferences to authenticated;

create policy preferences_own on public.preferences for select to authenticated
  using (user_id = (select private.viewer_id()) and (select private.viewer_role()) is not null);
