create function private.forget(p_interaction_ids uuid[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  update public.interactions set anonymised_at = pg_catalog.now(), phone_number = null, caller = null, called_number = null,
    livekit_room_id = null, external_id = null, series = null
  where id = any (p_interaction_ids) and status <> 'active' and anonymised_at is null;
  delete from public.interaction_note_versions where note_id in (
    select id from public.interaction_notes where interaction_id = any (p_interaction_ids));
  delete from public.interaction_tags where interaction_id = any (p_interaction_ids);
  update public.interaction_flags set reason = null where interaction_id = any (p_interaction_ids) and reason is not null;
  update public.tool_permissions set arguments = '{}', reason = null, execution_result = null, tool_description = null,
    changed_arguments = case when changed_arguments is not null then '{}'::json end, proposed_arguments = null
  where interaction_id = any (p_interaction_ids)
    and (arguments::text <> '{}' or reason is not null or execution_result is not null or tool_description is not null
      or changed_arguments::text <> '{}' or proposed_arguments is not null);
  update public.realtime_metrics set feed_text = null
  where interaction_id = any (p_interaction_ids) and feed_text is not null;
  delete from public.interaction_turns where interaction_id = any (p_interaction_ids);
  delete from public.webhook_deliveries where interaction_id = any (p_interaction_ids);
$$;
comment on function private.forget(uuid[]) is
  'Removes numbers, callers, names of rooms, transcripts, feed lines, deliveries, descriptions and arguments of ended interactions, the words of their notes, the reasons of flags and the tags of people; who decided what, when and the digest stay.';
