create function private.forget(p_interaction_ids uuid[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  update public.interactions set anonymised_at = pg_catalog.now(), phone_number = null, livekit_room_id = null,
    external_id = null, series = null
  where id = any (p_interaction_ids) and status <> 'active' and anonymised_at is null;
  update public.tool_permissions set arguments = '{}', reason = null, execution_result = null
  where interaction_id = any (p_interaction_ids)
    and (arguments::text <> '{}' or reason is not null or execution_result is not null);
  delete from public.interaction_turns where interaction_id = any (p_interaction_ids);
$$;
comment on function private.forget(uuid[]) is
  'Removes numbers, names of rooms, transcripts and arguments of ended interactions; who decided what, when and the digest stay.';
