alter table public.alert_rules enable row level security;

grant select on public.alert_rules to authenticated;

create policy alert_rules_visible on public.alert_rules for select to authenticated
  using ((select private.viewer_role()) = 'admin');

create trigger alert_rules_70_audit after insert or update on public.alert_rules for each row
  execute function private.audit('name', 'condition', 'amount', 'minutes', 'supervisor_id', 'days', 'from_time', 'until_time', 'zone', 'calls', 'retired_at');
