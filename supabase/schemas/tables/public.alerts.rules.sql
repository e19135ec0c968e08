alter table public.alerts enable row level security;

grant select on public.alerts to authenticated;

create policy alerts_visible on public.alerts for select to authenticated
  using ((select private.viewer_role()) = 'admin'
    or (calls_supervisor and supervisor_id = any ((select private.visible_supervisor_ids())::uuid[])));

create trigger alerts_60_ring_insert after insert on public.alerts
    referencing new table as inserted for each statement
  execute function private.ring();
create trigger alerts_61_ring_update after update on public.alerts
    referencing old table as before new table as after for each statement
  execute function private.ring();
create trigger alerts_70_audit after update of acknowledged_at on public.alerts for each row
  execute function private.audit('acknowledged_at');
