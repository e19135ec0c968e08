create function public.set_theme(p_theme text) returns void
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
