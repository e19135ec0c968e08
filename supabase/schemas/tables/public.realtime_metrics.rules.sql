alter table public.realtime_metrics enable row level security;

grant select on public.realtime_metrics to authenticated, service_role;
grant insert (interaction_id, timestamp, sentiment, satisfaction_score, feed_text, created_at) on public.realtime_metrics to service_role;

create policy realtime_metrics_visible on public.realtime_metrics for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger realtime_metrics_10_attach before insert on public.realtime_metrics for each row
    when (new.supervisor_id is null)
  execute function private.attach_to_active();
create trigger realtime_metrics_20_pulse after insert on public.realtime_metrics
    referencing new table as inserted for each statement
  execute function private.beat_pulse();
create trigger realtime_metrics_60_ring_insert after insert on public.realtime_metrics
    referencing new table as inserted for each statement
  execute function private.ring();
