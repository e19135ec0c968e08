create function public.present_settings() returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.require_admin();
  return (select pg_catalog.jsonb_object_agg(s.name, pg_catalog.jsonb_build_object(
      'now', coalesce(s.value::text, s.words), 'initial', s.initial, 'chosen', s.chosen, 'fixed', s.fixed_to is not null,
      'lowest', s.lowest, 'highest', s.highest,
      'last', (select pg_catalog.jsonb_build_object('at', c.at, 'by', c.changed_by_name, 'before', c.before)
        from public.setting_changes c where c.name = s.name order by c.id desc limit 1)))
    from private.settings s where s.highest is not null or s.words is not null);
end $$;
comment on function public.present_settings() is
  'The settings that admins choose: what holds, what is initial, whether the environment fixes it, its range, and the last change. FW403.';
grant execute on function public.present_settings() to authenticated;
