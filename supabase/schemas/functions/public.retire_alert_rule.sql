create function public.retire_alert_rule(p_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.require_admin();
  update public.alert_rules set retired_at = coalesce(retired_at, pg_catalog.clock_timestamp()) where id = p_id;
  if not found then
    raise exception 'there is no such rule' using errcode = 'FW404';
  end if;
end $$;
comment on function public.retire_alert_rule(uuid) is
  'An admin ends a rule; what it opened is closed by the next evaluation. FW403, FW404.';
grant execute on function public.retire_alert_rule(uuid) to authenticated;
