create function public.set_preferences(p_zone text, p_clock text, p_theme text, p_density text) returns void
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
