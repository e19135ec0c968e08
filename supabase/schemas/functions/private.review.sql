create function private.review(p_interaction_id uuid) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select pg_catalog.jsonb_build_object(
      'status', i.status, 'anonymised', i.anonymised_at is not null, 'username', u.username, 'is_known', coalesce(i.phone_number, i.caller) is not null,
      'notes', coalesce((
        select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(n) || pg_catalog.jsonb_build_object('words', v.words) order by n.created_at, n.id)
        from public.interaction_notes n
        left join public.interaction_note_versions v on v.note_id = n.id and v.version = n.version
        where n.interaction_id = i.id), '[]'),
      -- The lines that a note may be about: the newest turns, and decisions.
      'lines', coalesce((
        select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(l) order by l.at, l.line) from (
          (select 't' || t.id as line, least(t.captured_at, t.created_at) as at, t.speaker || ': ' || pg_catalog.left(t.text, 60) as words
           from public.interaction_turns t where t.interaction_id = i.id order by least(t.captured_at, t.created_at) desc, t.id desc limit 100)
          union all
          (select 'q' || q.id, q.responded_at, pg_catalog.left(q.tool_name, 60) || ' ' || case q.status when 'timeout' then 'expired' else q.status end
           from public.tool_permissions q where q.interaction_id = i.id and q.status <> 'pending' order by q.responded_at desc limit 100)) l), '[]'),
      'flag', pg_catalog.to_jsonb(f),
      'flag_changes', coalesce((
        select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('at', l.at, 'actor', l.actor, 'changes', l.changes) order by l.id desc)
        from (select c.* from public.audit_logs c where c.row_id = f.id::text order by c.id desc limit 50) l), '[]'),
      'tags', coalesce((
        select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('tag', t.tag, 'added_by_name', t.added_by_name) order by t.added_at, t.tag)
        from public.interaction_tags t where t.interaction_id = i.id), '[]'),
      'score', pg_catalog.to_jsonb(s),
      'scorecard', pg_catalog.to_jsonb(c),
      'present', p.version,
      'reviewers', private.reviewers(i.id))
    from public.interactions i
    join public.users u on u.id = i.supervisor_id
    cross join (select max(o.version) as version from public.scorecards o) p
    left join public.interaction_flags f on f.interaction_id = i.id
    left join public.interaction_scores s on s.interaction_id = i.id
    left join public.scorecards c on c.version = coalesce(s.version, p.version)
    where i.id = p_interaction_id);
end $$;
comment on function private.review(uuid) is
  'The review of an interaction through the reader''s own row-level security: notes, flag and its changes, tags, score with its criteria, and whom it may be assigned to; null when they may not see it.';
grant execute on function private.review(uuid) to authenticated;
