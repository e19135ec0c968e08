alter table public.interactions enable row level security;

grant select on public.interactions to agent_runtime, authenticated;
grant select, insert, update, delete on public.interactions to service_role;
grant insert (agent_id, phone_number, interaction_type, livekit_room_id, external_id, caller, called_number) on public.interactions to agent_runtime;
grant update (phone_number, livekit_room_id, status, end_reason, caller, called_number) on public.interactions to agent_runtime;

create policy interactions_changed_by_agent on public.interactions for update to agent_runtime
  using (agent_id = (select private.current_agent()))
  with check (agent_id = (select private.current_agent()));

create policy interactions_of_agent on public.interactions for select to agent_runtime
  using (agent_id = (select private.current_agent()));

create policy interactions_started_by_agent on public.interactions for insert to agent_runtime
  with check (agent_id = (select private.current_agent()));

create policy interactions_visible on public.interactions for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interactions_10_open before insert on public.interactions for each row
  execute function private.open_interaction();
create trigger interactions_11_end before update of status, ended_at on public.interactions for each row
  execute function private.end_interaction();
create trigger interactions_12_ended before update of phone_number, livekit_room_id, caller,
    called_number on public.interactions for each row when (old.status <> 'active'
    and (old.phone_number is distinct from new.phone_number
    or old.livekit_room_id is distinct from new.livekit_room_id or old.caller is distinct from new.caller
    or old.called_number is distinct from new.called_number))
  execute function private.keep_ended();
create trigger interactions_13_delete before delete on public.interactions for each row when (old.status = 'active')
  execute function private.lock_agent();
create trigger interactions_20_follow_insert after insert on public.interactions for each row
  execute function private.follow_interaction();
create trigger interactions_21_follow_end after update of status on public.interactions for each row
    when (old.status is distinct from new.status)
  execute function private.follow_interaction();
create trigger interactions_22_follow_delete after delete on public.interactions for each row
    when (old.status = 'active')
  execute function private.free_agent();
create trigger interactions_30_fcr after update of phone_number, started_at on public.interactions for each row
    when (old.phone_number is distinct from new.phone_number or old.started_at is distinct from new.started_at)
  execute function private.update_fcr_on_number();
create trigger interactions_31_fcr_delete after delete on public.interactions for each row
    when (old.phone_number is not null)
  execute function private.update_fcr_on_delete();
create trigger interactions_40_count_insert after insert on public.interactions for each row
    when (new.status = 'completed')
  execute function private.count_interaction();
-- Runs before fcr_status is computed again, so that the same value is subtracted from the sums that was added to them.
create trigger interactions_25_count_update after update of status, agent_id, supervisor_id, started_at, ended_at,
    is_test on public.interactions for each row when (old.is_test is distinct from new.is_test
    or old.status is distinct from new.status
    or old.agent_id is distinct from new.agent_id or old.supervisor_id is distinct from new.supervisor_id
    or old.started_at is distinct from new.started_at or old.ended_at is distinct from new.ended_at)
  execute function private.count_interaction();
create trigger interactions_42_count_delete before delete on public.interactions for each row
    when (old.status = 'completed')
  execute function private.count_interaction();
create trigger interactions_51_phone_number after update of phone_number, caller on public.interactions
    for each row when (old.phone_number is distinct from new.phone_number
    or old.caller is distinct from new.caller)
  execute function private.follow_phone_number();
create trigger interactions_56_search_insert after insert on public.interactions for each row when (new.status <> 'active')
  execute function private.follow_search();
create trigger interactions_57_search_update after update of status, phone_number, caller, livekit_room_id, external_id, is_test,
    started_at, ended_at, anonymised_at on public.interactions for each row when (new.status <> 'active')
  execute function private.follow_search();
create trigger interactions_58_decision_search after update of phone_number, caller on public.interactions
    for each row when (old.phone_number is distinct from new.phone_number
    or old.caller is distinct from new.caller)
  execute function private.follow_decision_search();
create trigger interactions_55_callback after update of status on public.interactions for each row
    when (old.status is distinct from new.status and new.status <> 'active')
  execute function private.queue_callback();
create trigger interactions_70_audit after update of status on public.interactions for each row
    when (old.status <> 'active' and old.status is distinct from new.status)
  execute function private.audit('status', 'end_reason');
create trigger interactions_60_ring_insert after insert on public.interactions
    referencing new table as inserted for each statement
  execute function private.ring();
create trigger interactions_61_ring_update after update on public.interactions
    referencing old table as before new table as after for each statement
  execute function private.ring();
create trigger interactions_62_ring_delete after delete on public.interactions
    referencing old table as before for each statement
  execute function private.ring();

create view private.interaction_heads with (security_invoker=true) as
 select i.id,
    i.status,
    i.interaction_type,
    i.phone_number,
    i.started_at,
    i.ended_at,
    i.duration_seconds,
    i.livekit_room_id,
    a.name as agent_name,
    u.username,
    p.last_seen_at,
    coalesce(p.sentiment, e.sentiment) as sentiment,
    coalesce(p.satisfaction_score, e.satisfaction::numeric(5,2)) as satisfaction_score,
    p.grants,
    i.caller,
    i.called_number,
    i.end_reason,
    i.is_test,
    i.agent_id,
    i.agent_version,
    i.anonymised_at,
    i.external_id
   from public.interactions i
     join public.agents a on a.id = i.agent_id
     join public.users u on u.id = i.supervisor_id
     left join public.interaction_pulse p on p.interaction_id = i.id
     left join lateral private.ending(i.id) e on i.status <> 'active';
comment on view private.interaction_heads is
  'The head of an interaction''s page, with satisfaction and sentiment now or at the end.';
grant select on private.interaction_heads to authenticated;
