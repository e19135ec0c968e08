create function private.note_given_signals(p_signals text[], p_subject_ids uuid[], p_since timestamptz[]) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if private.viewer_role() is null then
    raise exception 'only people are called' using errcode = 'FW403';
  elsif p_signals is null or p_subject_ids is null or p_since is null or pg_catalog.cardinality(p_signals) > 50
      or pg_catalog.cardinality(p_signals) <> pg_catalog.cardinality(p_subject_ids) or pg_catalog.cardinality(p_signals) <> pg_catalog.cardinality(p_since) then
    raise exception 'at most 50 signals are noted at once, each with its subject and its time' using errcode = 'FW422';
  end if;
  if not exists (select from public.push_subscriptions where user_id = private.viewer_id()) then
    return false;
  end if;
  insert into private.given_signals (user_id, signal, subject_id, since)
  select private.viewer_id(), g.signal, g.subject_id, g.since
  from (select pg_catalog.unnest(p_signals) as signal, pg_catalog.unnest(p_subject_ids) as subject_id, pg_catalog.unnest(p_since) as since) g
  where g.signal = any ('{request,critical,silent,half,ending}') and g.subject_id is not null
    and g.since between pg_catalog.now() - interval '30 days' and pg_catalog.now() + interval '1 minute'
  on conflict do nothing;
  return true;
end $$;
comment on function private.note_given_signals(text[], uuid[], timestamptz[]) is
  'A page has given the viewer these signals, so they are not sent by web push; false when nothing is sent to the viewer. FW403, FW422.';
grant execute on function private.note_given_signals(text[], uuid[], timestamptz[]) to authenticated;
