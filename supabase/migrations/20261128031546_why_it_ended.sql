-- The page of an interaction says why it ended.



create or replace view private.interaction_heads with (security_invoker=true) as
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
    p.sentiment,
    p.satisfaction_score,
    p.grants,
    i.caller,
    i.called_number,
    i.end_reason
   from public.interactions i
     join public.agents a on a.id = i.agent_id
     join public.users u on u.id = i.supervisor_id
     left join public.interaction_pulse p on p.interaction_id = i.id;
comment on view private.interaction_heads is
  'What the page of one interaction shows at its head.';
grant select on private.interaction_heads to authenticated;
