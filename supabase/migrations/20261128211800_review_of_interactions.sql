-- The review of an interaction: notes, flag, tags of people, scorecard; and the whole number on demand.

create or replace function private.valid_criteria(p_criteria jsonb) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select p_criteria is not null and pg_catalog.jsonb_typeof(p_criteria) = 'array' and not exists (
      select from pg_catalog.jsonb_array_elements(case pg_catalog.jsonb_typeof(p_criteria) when 'array' then p_criteria else '[]' end) e
      where pg_catalog.jsonb_typeof(e -> 'name') is distinct from 'string' or pg_catalog.length(pg_catalog.btrim(e ->> 'name')) not between 1 and 80
        or pg_catalog.jsonb_typeof(e -> 'meaning') is distinct from 'string' or pg_catalog.length(e ->> 'meaning') > 500
        or pg_catalog.jsonb_typeof(e -> 'weight') is distinct from 'number' or (e ->> 'weight') !~ '^([1-9][0-9]?|100)$')
    and (
      select pg_catalog.count(*) between 1 and 20 and pg_catalog.count(*) = pg_catalog.count(distinct pg_catalog.lower(e ->> 'name'))
      from pg_catalog.jsonb_array_elements(case pg_catalog.jsonb_typeof(p_criteria) when 'array' then p_criteria else '[]' end) e)
$$;
comment on function private.valid_criteria(jsonb) is
  '[{name: 1 to 80 characters, no two alike, meaning: at most 500, weight: 1 to 100}], 1 to 20 of them';

create table public.interaction_notes (
  id uuid not null,
  interaction_id uuid not null,
  supervisor_id uuid not null,
  line text,
  author_id uuid not null,
  author_name text not null,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  withdrawn_at timestamptz,
  constraint interaction_notes_pkey primary key (id),
  constraint interaction_notes_line_check check (line ~ '^(t[0-9]{1,18}|q[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$'),
  constraint interaction_notes_version_check check (version >= 1),
  constraint interaction_notes_author_id_fkey foreign key (author_id) references public.users(id),
  constraint interaction_notes_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
);

comment on table public.interaction_notes is
  'What people write about an interaction. The words are in interaction_note_versions, so that a policy can hide those of a note that was withdrawn.';
comment on column public.interaction_notes.id is
  'Chosen by the page that shows the form, so that a form that is sent twice is stored once.';
comment on column public.interaction_notes.line is
  'The line of the timeline that it is about, as the page names it: t and the id of a turn, q and the id of a tool permission; null for the whole interaction.';
comment on column public.interaction_notes.version is
  'The present version of the words.';
comment on constraint interaction_notes_pkey on public.interaction_notes is
  'this id is taken';
comment on constraint interaction_notes_line_check on public.interaction_notes is
  'line is t and the id of a turn, or q and the id of a tool permission';
comment on constraint interaction_notes_version_check on public.interaction_notes is
  'version is 1 or more';
comment on constraint interaction_notes_author_id_fkey on public.interaction_notes is
  'a note has an author who exists';
comment on constraint interaction_notes_interaction on public.interaction_notes is
  'a note belongs to an interaction of the same supervisor, which exists';

-- The foreign key to the author.
create index interaction_notes_author on public.interaction_notes (author_id);
-- The notes of an interaction, and the foreign key, which cascades when an agent moves.
create index interaction_notes_owner on public.interaction_notes (interaction_id, supervisor_id);

create table public.interaction_note_versions (
  note_id uuid not null,
  version integer not null,
  words text not null,
  written_at timestamptz not null default now(),
  constraint interaction_note_versions_pkey primary key (note_id, version),
  constraint interaction_note_versions_version_check check (version >= 1),
  constraint interaction_note_versions_words_check check (length(words) >= 1 and length(words) <= 4000),
  constraint interaction_note_versions_note_id_fkey foreign key (note_id) references public.interaction_notes(id) on delete cascade
);

comment on table public.interaction_note_versions is
  'Every version of the words of a note, all by its author. Deleted when the interaction is forgotten.';
comment on constraint interaction_note_versions_pkey on public.interaction_note_versions is
  'the note has this version already';
comment on constraint interaction_note_versions_version_check on public.interaction_note_versions is
  'version is 1 or more';
comment on constraint interaction_note_versions_words_check on public.interaction_note_versions is
  'a note has 1 to 4000 characters';
comment on constraint interaction_note_versions_note_id_fkey on public.interaction_note_versions is
  'a version belongs to a note that exists';

create table public.interaction_flags (
  id uuid not null default gen_random_uuid(),
  interaction_id uuid not null,
  supervisor_id uuid not null,
  state text not null default 'open',
  reason text,
  assigned_to uuid,
  assigned_name text,
  flagged_by uuid not null,
  flagged_by_name text not null,
  flagged_at timestamptz not null default now(),
  changed_by_name text not null,
  changed_at timestamptz not null default now(),
  version integer not null default 1,
  constraint interaction_flags_pkey primary key (id),
  constraint interaction_flags_once unique (interaction_id),
  constraint interaction_flags_assigned check ((assigned_to is null) = (assigned_name is null)),
  constraint interaction_flags_reason_check check (length(reason) >= 1 and length(reason) <= 500),
  constraint interaction_flags_state_check check (state in ('open', 'in_review', 'done')),
  constraint interaction_flags_assigned_to_fkey foreign key (assigned_to) references public.users(id),
  constraint interaction_flags_flagged_by_fkey foreign key (flagged_by) references public.users(id),
  constraint interaction_flags_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
);

comment on table public.interaction_flags is
  'Interactions that somebody ought to review: one flag each. audit_logs has who changed its state and whom it was assigned to.';
comment on column public.interaction_flags.reason is
  'Deleted when the interaction is forgotten; never in audit_logs.';
comment on column public.interaction_flags.assigned_to is
  'An admin or the supervisor of the interaction; null for nobody yet.';
comment on column public.interaction_flags.version is
  'Increases with each change, so that a page that is older is refused.';
comment on constraint interaction_flags_pkey on public.interaction_flags is
  'this id is taken';
comment on constraint interaction_flags_once on public.interaction_flags is
  'the interaction is flagged already';
comment on constraint interaction_flags_assigned on public.interaction_flags is
  'a flag is assigned to a person with a name, or to nobody';
comment on constraint interaction_flags_reason_check on public.interaction_flags is
  'reason has 1 to 500 characters';
comment on constraint interaction_flags_state_check on public.interaction_flags is
  'state is open, in_review or done';
comment on constraint interaction_flags_assigned_to_fkey on public.interaction_flags is
  'a flag is assigned to a person who exists';
comment on constraint interaction_flags_flagged_by_fkey on public.interaction_flags is
  'a flag was set by a person who exists';
comment on constraint interaction_flags_interaction on public.interaction_flags is
  'a flag belongs to an interaction of the same supervisor, which exists';

-- The foreign key to the person to whom it is assigned.
create index interaction_flags_assigned_to on public.interaction_flags (assigned_to) where assigned_to is not null;
-- The foreign key to the person who set it.
create index interaction_flags_flagged_by on public.interaction_flags (flagged_by);
-- The foreign key to the interaction and its supervisor, which cascades when an agent moves.
create index interaction_flags_owner on public.interaction_flags (interaction_id, supervisor_id);

create table public.interaction_tags (
  interaction_id uuid not null,
  supervisor_id uuid not null,
  tag text not null,
  added_by uuid not null,
  added_by_name text not null,
  added_at timestamptz not null default now(),
  constraint interaction_tags_pkey primary key (interaction_id, tag),
  constraint interaction_tags_tag_check check (length(tag) >= 1 and length(tag) <= 50 and tag = lower(btrim(tag))),
  constraint interaction_tags_added_by_fkey foreign key (added_by) references public.users(id),
  constraint interaction_tags_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
);

comment on table public.interaction_tags is
  'Tags that people gave to an interaction, beside those of its archive. Deleted when it is forgotten.';
comment on column public.interaction_tags.tag is
  'In small letters, as the search has it.';
comment on constraint interaction_tags_pkey on public.interaction_tags is
  'the interaction has this tag already';
comment on constraint interaction_tags_tag_check on public.interaction_tags is
  'a tag has 1 to 50 characters, in small letters';
comment on constraint interaction_tags_added_by_fkey on public.interaction_tags is
  'a tag was added by a person who exists';
comment on constraint interaction_tags_interaction on public.interaction_tags is
  'a tag belongs to an interaction of the same supervisor, which exists';

-- The foreign key to the person who added it.
create index interaction_tags_added_by on public.interaction_tags (added_by);
-- The foreign key to the interaction and its supervisor, which cascades when an agent moves.
create index interaction_tags_owner on public.interaction_tags (interaction_id, supervisor_id);

create table public.scorecards (
  version integer not null,
  criteria jsonb not null,
  created_at timestamptz not null default now(),
  created_by uuid,
  created_by_name text,
  constraint scorecards_pkey primary key (version),
  constraint scorecards_version_check check (version >= 1),
  constraint scorecards_criteria check (private.valid_criteria(criteria)),
  constraint scorecards_created_by_fkey foreign key (created_by) references public.users(id)
);

comment on table public.scorecards is
  'The criteria by which people score interactions; the last version is the present one. A score keeps the version it was given by.';
comment on column public.scorecards.criteria is
  '[{name, meaning, weight: 1 to 100}]; a score names them by their place, from 1.';
comment on column public.scorecards.created_by is
  'The admin; null for the version that a new database begins with.';
comment on constraint scorecards_pkey on public.scorecards is
  'there is this version of the criteria already';
comment on constraint scorecards_version_check on public.scorecards is
  'version is 1 or more';
comment on constraint scorecards_criteria on public.scorecards is
  'criteria are 1 to 20, each with a name of its own of 1 to 80 characters, a meaning of at most 500, and a weight from 1 to 100';
comment on constraint scorecards_created_by_fkey on public.scorecards is
  'criteria were made by a person who exists';

-- The foreign key to the admin.
create index scorecards_created_by on public.scorecards (created_by) where created_by is not null;

create table public.interaction_scores (
  id uuid not null default gen_random_uuid(),
  interaction_id uuid not null,
  supervisor_id uuid not null,
  version integer not null,
  answers jsonb not null,
  total numeric(5,2) not null,
  scored_by uuid not null,
  scored_by_name text not null,
  by_admin boolean not null,
  scored_at timestamptz not null default now(),
  constraint interaction_scores_pkey primary key (id),
  constraint interaction_scores_once unique (interaction_id),
  constraint interaction_scores_answers_check check (jsonb_typeof(answers) = 'object' and answers <> '{}'),
  constraint interaction_scores_total_check check (total >= 0 and total <= 100),
  constraint interaction_scores_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade,
  constraint interaction_scores_scored_by_fkey foreign key (scored_by) references public.users(id),
  constraint interaction_scores_version_fkey foreign key (version) references public.scorecards(version)
);

comment on table public.interaction_scores is
  'How people scored an interaction by the criteria of one version. No score of the leaderboard includes it.';
comment on column public.interaction_scores.answers is
  '{place of the criterion: no, partly or yes}; a criterion that nobody answered is absent.';
comment on column public.interaction_scores.total is
  '0 to 100: the answers (no 0, partly 0.5, yes 1) weighted, over the criteria that were answered.';
comment on column public.interaction_scores.by_admin is
  'Whether an admin scored it. Then only admins change it.';
comment on constraint interaction_scores_pkey on public.interaction_scores is
  'this id is taken';
comment on constraint interaction_scores_once on public.interaction_scores is
  'the interaction has a score already';
comment on constraint interaction_scores_answers_check on public.interaction_scores is
  'answers is an object with an answer at least';
comment on constraint interaction_scores_total_check on public.interaction_scores is
  'total is 0 to 100';
comment on constraint interaction_scores_interaction on public.interaction_scores is
  'a score belongs to an interaction of the same supervisor, which exists';
comment on constraint interaction_scores_scored_by_fkey on public.interaction_scores is
  'a score was given by a person who exists';
comment on constraint interaction_scores_version_fkey on public.interaction_scores is
  'a score was given by criteria that exist';

-- The foreign key to the interaction and its supervisor, which cascades when an agent moves.
create index interaction_scores_owner on public.interaction_scores (interaction_id, supervisor_id);
-- The foreign key to the person who scored.
create index interaction_scores_scored_by on public.interaction_scores (scored_by);
-- The scores of a supervisor, for the column of the leaderboard.
create index interaction_scores_supervisor on public.interaction_scores (supervisor_id);
-- The foreign key to the criteria.
create index interaction_scores_version on public.interaction_scores (version);

create or replace function private.reviewed_interaction(p_interaction_id uuid) returns public.interactions
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
begin
  -- The lock comes first, as in every function that changes what belongs to an interaction.
  select * into v_interaction from public.interactions
  where id = p_interaction_id and supervisor_id = any (private.visible_supervisor_ids()) for no key update;
  if not found then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  return v_interaction;
end $$;
comment on function private.reviewed_interaction(uuid) is
  'The interaction, locked, of which the viewer writes a review. FW404 when it is not theirs to see.';

create or replace function private.refuse_forgotten(p_interaction public.interactions) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  -- What is written afterwards would never be forgotten.
  if (p_interaction).anonymised_at is not null then
    raise exception 'the words of this interaction were deleted, and nothing more is written about it' using errcode = 'FW409';
  end if;
end $$;
comment on function private.refuse_forgotten(public.interactions) is
  'FW409 for an interaction that was forgotten.';

create or replace function private.own_note(p_id uuid) returns public.interaction_notes
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_note public.interaction_notes;
begin
  select * into v_note from public.interaction_notes where id = p_id and supervisor_id = any (private.visible_supervisor_ids());
  if not found then
    raise exception 'there is no such note' using errcode = 'FW404';
  elsif v_note.author_id <> private.viewer_id() then
    raise exception 'a note is changed by its author alone' using errcode = 'FW403';
  end if;
  perform private.refuse_forgotten(private.reviewed_interaction(v_note.interaction_id));
  select * into v_note from public.interaction_notes where id = p_id for no key update;
  return v_note;
end $$;
comment on function private.own_note(uuid) is
  'A note of the viewer, locked with its interaction. FW403 for another author''s, FW404 for one that they may not see, FW409 for a forgotten interaction.';

create or replace function private.unassign_moved() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.assigned_to = old.supervisor_id then
    new.assigned_to := null;
    new.assigned_name := null;
  end if;
  return new;
end $$;
comment on function private.unassign_moved() is
  'Trigger: a flag that moves to another supervisor with its agent is no longer assigned to the one who cannot see it any more.';

create or replace function private.reviewers(p_interaction_id uuid) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select (
    select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', r.id, 'name', r.name, 'role', r.role) order by r.role desc, pg_catalog.lower(r.name), r.id)
    from (
      select u.id, u.name, u.role from public.users u
      where (u.role = 'admin' or u.id = i.supervisor_id) and u.deactivated_at is null order by u.role desc, pg_catalog.lower(u.name), u.id limit 200) r)
  from public.interactions i
  where i.id = p_interaction_id and i.supervisor_id = any (private.visible_supervisor_ids())
$$;
comment on function private.reviewers(uuid) is
  'Whom the review of an interaction may be assigned to: [{id, name, role}], its supervisor first, then admins, at most 200; null when the viewer may not see it.';
grant execute on function private.reviewers(uuid) to authenticated;

create or replace function private.review(p_interaction_id uuid) returns jsonb
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
          (select 't' || t.id as line, t.captured_at as at, t.speaker || ': ' || pg_catalog.left(t.text, 60) as words
           from public.interaction_turns t where t.interaction_id = i.id order by t.captured_at desc limit 100)
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

create or replace function private.interaction_labels(p_interaction public.interactions, p_archive public.interaction_archives, p_sentiment text) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.array_agg(distinct pg_catalog.lower(pg_catalog.left(l.label, 120))) from (
    select 'channel:' || (p_interaction).interaction_type as label
    union all select 'outcome:' || (p_interaction).status
    union all select 'sentiment:' || p_sentiment
    union all select 'test' where (p_interaction).is_test
    union all select 'csat:' || case when (p_archive).csat_score < 50 then 'low' when (p_archive).csat_score < 80 then 'middle' else 'high' end
      where (p_archive).csat_score is not null
    union all select 'topic:' || t from pg_catalog.jsonb_array_elements_text(coalesce((p_archive).tags -> 'topics', '[]')) t
    union all select 'tag:' || t from pg_catalog.unnest(private.issue_tags((p_archive).tags)) t
    union all select 'tag:' || t.tag from public.interaction_tags t where t.interaction_id = (p_interaction).id
    union all select pg_catalog.unnest(case f.state when 'done' then array['flag:done'] else array['flag:yes', 'flag:' || f.state] end)
      from public.interaction_flags f where f.interaction_id = (p_interaction).id
    union all select 'issue:' || (e ->> 'issue') from pg_catalog.jsonb_array_elements(coalesce((p_archive).issues, '[]')) e
    union all select 'issues:' || case e ->> 'status' when 'resolved' then 'resolved' else 'open' end
      from pg_catalog.jsonb_array_elements(coalesce((p_archive).issues, '[]')) e
    union all select 'decision:' || case when t.rule is not null and t.status = 'allowed' then 'automatic' else t.status end
      from public.tool_permissions t where t.interaction_id = (p_interaction).id and t.rule is distinct from 'not_required') l
  where l.label is not null
$$;
comment on function private.interaction_labels(public.interactions, public.interaction_archives, text) is
  'The labels of private.interaction_search, at most 120 characters each.';

create or replace function private.forget(p_interaction_ids uuid[]) returns void
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

create or replace function private.score_to_change(p_interaction_id uuid) returns public.interaction_scores
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions := private.reviewed_interaction(p_interaction_id);
  v_score public.interaction_scores;
begin
  if v_interaction.status = 'active' then
    raise exception 'an interaction is scored when it has ended' using errcode = 'FW409';
  end if;
  select * into v_score from public.interaction_scores where interaction_id = v_interaction.id;
  if v_score.by_admin and private.viewer_role() <> 'admin' then
    raise exception 'an admin has scored this interaction, so only admins change the score' using errcode = 'FW409';
  end if;
  v_score.interaction_id := v_interaction.id;
  v_score.supervisor_id := v_interaction.supervisor_id;
  return v_score;
end $$;
comment on function private.score_to_change(uuid) is
  'The score of an interaction that the viewer may score, with null as its id where there is none yet. FW404, FW409.';

create or replace function public.write_interaction_note(p_id uuid, p_interaction_id uuid, p_line text, p_words text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions := private.reviewed_interaction(p_interaction_id);
  v_words text := pg_catalog.btrim(p_words, E' \t\r\n');
  v_line text := nullif(p_line, '');
  v_note public.interaction_notes;
begin
  perform private.refuse_forgotten(v_interaction);
  if p_id is null then
    raise exception 'a note has an id' using errcode = 'FW422';
  elsif v_words is null or pg_catalog.length(v_words) not between 1 and 4000 then
    raise exception 'a note has 1 to 4,000 characters' using errcode = 'FW422';
  elsif v_line is not null and not (case
      when v_line ~ '^t[0-9]{1,18}$' then exists (
        select from public.interaction_turns t where t.id = pg_catalog.substr(v_line, 2)::bigint and t.interaction_id = v_interaction.id)
      when v_line ~ '^q[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then exists (
        select from public.tool_permissions t where t.id = pg_catalog.substr(v_line, 2)::uuid and t.interaction_id = v_interaction.id)
      else false end) then
    raise exception 'this interaction has no such line' using errcode = 'FW422';
  end if;
  select * into v_note from public.interaction_notes where id = p_id;
  if found then
    if v_note.interaction_id = v_interaction.id and v_note.author_id = private.viewer_id() then
      return v_note.version;  -- sent twice
    end if;
    raise exception 'this note was written already' using errcode = 'FW409';
  elsif (select pg_catalog.count(*) from public.interaction_notes where interaction_id = v_interaction.id) >= 100 then
    raise exception 'an interaction has 100 notes at most' using errcode = 'FW409';
  end if;
  insert into public.interaction_notes (id, interaction_id, supervisor_id, line, author_id, author_name)
  select p_id, v_interaction.id, v_interaction.supervisor_id, v_line, u.id, u.name from public.users u where u.id = private.viewer_id();
  insert into public.interaction_note_versions (note_id, version, words) values (p_id, 1, v_words);
  return 1;
end $$;
comment on function public.write_interaction_note(uuid, uuid, text, text) is
  'Writes a note of the viewer on an interaction or a line of it, once for one id; its version. FW404, FW409, FW422.';
grant execute on function public.write_interaction_note(uuid, uuid, text, text) to authenticated;

create or replace function public.edit_interaction_note(p_id uuid, p_version integer, p_words text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_note public.interaction_notes := private.own_note(p_id);
  v_words text := pg_catalog.btrim(p_words, E' \t\r\n');
  v_present text;
begin
  if v_words is null or pg_catalog.length(v_words) not between 1 and 4000 then
    raise exception 'a note has 1 to 4,000 characters' using errcode = 'FW422';
  elsif v_note.withdrawn_at is not null then
    raise exception 'the note was withdrawn' using errcode = 'FW409';
  end if;
  select v.words into v_present from public.interaction_note_versions v where v.note_id = v_note.id and v.version = v_note.version;
  if v_present = v_words then
    return v_note.version;
  elsif p_version is distinct from v_note.version then
    raise exception 'the note was changed meanwhile, in another window' using errcode = 'FW409';
  elsif v_note.version >= 100 then
    raise exception 'a note has 100 versions at most: write another' using errcode = 'FW409';
  end if;
  insert into public.interaction_note_versions (note_id, version, words) values (v_note.id, v_note.version + 1, v_words);
  update public.interaction_notes set version = v_note.version + 1, changed_at = pg_catalog.now() where id = v_note.id;
  return v_note.version + 1;
end $$;
comment on function public.edit_interaction_note(uuid, integer, text) is
  'Gives a note of the viewer new words, if this is its present version; its version then. The earlier words stay. FW403, FW404, FW409, FW422.';
grant execute on function public.edit_interaction_note(uuid, integer, text) to authenticated;

create or replace function public.withdraw_interaction_note(p_id uuid) returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_note public.interaction_notes := private.own_note(p_id);
begin
  update public.interaction_notes set withdrawn_at = pg_catalog.now() where id = v_note.id and withdrawn_at is null returning * into v_note;
  return coalesce(v_note.withdrawn_at, (select n.withdrawn_at from public.interaction_notes n where n.id = p_id));
end $$;
comment on function public.withdraw_interaction_note(uuid) is
  'Hides the words of a note of the viewer from everybody else; when it was withdrawn. FW403, FW404, FW409.';
grant execute on function public.withdraw_interaction_note(uuid) to authenticated;

create or replace function public.set_interaction_flag(p_interaction_id uuid, p_version integer, p_state text, p_assigned_to uuid, p_reason text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions := private.reviewed_interaction(p_interaction_id);
  v_reason text := nullif(pg_catalog.btrim(p_reason, E' \t\r\n'), '');
  v_assigned text;
  v_viewer public.users;
  v_flag public.interaction_flags;
begin
  if p_state is null or p_state not in ('open', 'in_review', 'done') then
    raise exception 'state is open, in_review or done' using errcode = 'FW422';
  elsif pg_catalog.length(v_reason) > 500 then
    raise exception 'a reason has 500 characters at most' using errcode = 'FW422';
  elsif v_reason is not null then
    perform private.refuse_forgotten(v_interaction);
  end if;
  select * into v_viewer from public.users where id = private.viewer_id();
  select * into v_flag from public.interaction_flags where interaction_id = v_interaction.id;
  if p_assigned_to is not null then
    select u.name into v_assigned from public.users u
    where u.id = p_assigned_to and (u.role = 'admin' or u.id = v_interaction.supervisor_id)
      and (u.deactivated_at is null or u.id = v_flag.assigned_to);
    if v_assigned is null then
      raise exception 'a review is assigned to an admin or to the supervisor of the interaction' using errcode = 'FW422';
    end if;
  end if;
  if v_flag.id is null then
    if p_version is distinct from 0 then
      raise exception 'the flag was changed meanwhile: look at it again' using errcode = 'FW409';
    end if;
    insert into public.interaction_flags (interaction_id, supervisor_id, state, reason, assigned_to, assigned_name, flagged_by, flagged_by_name, changed_by_name)
    values (v_interaction.id, v_interaction.supervisor_id, p_state, v_reason, p_assigned_to, v_assigned, v_viewer.id, v_viewer.name, v_viewer.name);
    return 1;
  elsif (v_flag.state, v_flag.reason, v_flag.assigned_to) is not distinct from (p_state, v_reason, p_assigned_to) then
    return v_flag.version;  -- sent twice, or nothing was changed
  elsif p_version is distinct from v_flag.version then
    raise exception 'the flag was changed meanwhile: look at it again' using errcode = 'FW409';
  end if;
  update public.interaction_flags set state = p_state, reason = v_reason, assigned_to = p_assigned_to, assigned_name = v_assigned,
    flagged_by = case when state = 'done' and p_state <> 'done' then v_viewer.id else flagged_by end,
    flagged_by_name = case when state = 'done' and p_state <> 'done' then v_viewer.name else flagged_by_name end,
    flagged_at = case when state = 'done' and p_state <> 'done' then pg_catalog.now() else flagged_at end,
    changed_by_name = v_viewer.name, changed_at = pg_catalog.now(), version = v_flag.version + 1
  where id = v_flag.id;
  return v_flag.version + 1;
end $$;
comment on function public.set_interaction_flag(uuid, integer, text, uuid, text) is
  'Flags an interaction for review (version 0), or changes its flag if this is its present version; its version then. FW404, FW409, FW422.';
grant execute on function public.set_interaction_flag(uuid, integer, text, uuid, text) to authenticated;

create or replace function public.add_interaction_tag(p_interaction_id uuid, p_tag text) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions := private.reviewed_interaction(p_interaction_id);
  v_tag text := pg_catalog.lower(pg_catalog.btrim(pg_catalog.regexp_replace(pg_catalog.left(p_tag, 1000), '\s+', ' ', 'g')));
begin
  perform private.refuse_forgotten(v_interaction);
  if v_tag is null or pg_catalog.length(v_tag) not between 1 and 50 then
    raise exception 'a tag has 1 to 50 characters' using errcode = 'FW422';
  elsif (select pg_catalog.count(*) from public.interaction_tags t where t.interaction_id = v_interaction.id and t.tag <> v_tag) >= 20 then
    raise exception 'an interaction has 20 tags of people at most' using errcode = 'FW409';
  end if;
  insert into public.interaction_tags (interaction_id, supervisor_id, tag, added_by, added_by_name)
  select v_interaction.id, v_interaction.supervisor_id, v_tag, u.id, u.name from public.users u where u.id = private.viewer_id()
  on conflict do nothing;
  return v_tag;
end $$;
comment on function public.add_interaction_tag(uuid, text) is
  'Gives an interaction a tag, in small letters; the tag. FW404, FW409, FW422.';
grant execute on function public.add_interaction_tag(uuid, text) to authenticated;

create or replace function public.remove_interaction_tag(p_interaction_id uuid, p_tag text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions := private.reviewed_interaction(p_interaction_id);
begin
  delete from public.interaction_tags where interaction_id = v_interaction.id and tag = p_tag;
  return found;
end $$;
comment on function public.remove_interaction_tag(uuid, text) is
  'Removes a tag that a person gave to an interaction; whether it was there. FW404.';
grant execute on function public.remove_interaction_tag(uuid, text) to authenticated;

create or replace function public.change_scorecard(p_version integer, p_criteria jsonb) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_admin uuid := private.require_admin();
  v_present public.scorecards;
begin
  if not private.valid_criteria(p_criteria) then
    raise exception 'criteria are 1 to 20, each with a name of its own of 1 to 80 characters, a meaning of at most 500, and a weight from 1 to 100' using errcode = 'FW422';
  end if;
  -- Two admins that change it at once come one after the other.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('floorwalker scorecard', 0));
  select * into v_present from public.scorecards order by version desc limit 1;
  if v_present.criteria = p_criteria then
    return v_present.version;
  elsif p_version is distinct from coalesce(v_present.version, 0) then
    raise exception 'the criteria were changed meanwhile: look at them again' using errcode = 'FW409';
  end if;
  insert into public.scorecards (version, criteria, created_by, created_by_name)
  select coalesce(v_present.version, 0) + 1, p_criteria, u.id, u.name from public.users u where u.id = v_admin;
  return coalesce(v_present.version, 0) + 1;
end $$;
comment on function public.change_scorecard(integer, jsonb) is
  'Makes a new version of the criteria, if this is the present one; its number. Scores keep the version they were given by. FW403, FW409, FW422.';
grant execute on function public.change_scorecard(integer, jsonb) to authenticated;

create or replace function public.score_interaction(p_interaction_id uuid, p_version integer, p_place integer, p_answer text) returns numeric
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_score public.interaction_scores := private.score_to_change(p_interaction_id);
  v_present integer := (select max(version) from public.scorecards);
  v_criteria jsonb := (select criteria from public.scorecards where version = p_version);
begin
  if p_answer is null or p_answer not in ('no', 'partly', 'yes') then
    raise exception 'an answer is no, partly or yes' using errcode = 'FW422';
  elsif v_criteria is null or p_place is null or p_place not between 1 and pg_catalog.jsonb_array_length(v_criteria) then
    raise exception 'there is no such criterion' using errcode = 'FW422';
  elsif v_score.id is null and p_version <> v_present then
    raise exception 'the criteria were changed meanwhile: open the interaction again' using errcode = 'FW409';
  elsif v_score.version <> p_version then
    raise exception 'this interaction was scored by version % of the criteria: open it again', v_score.version using errcode = 'FW409';
  end if;
  v_score.answers := coalesce(v_score.answers, '{}') || pg_catalog.jsonb_build_object(p_place::text, p_answer);
  v_score.total := (
    select pg_catalog.round(100 * sum((c.one ->> 'weight')::numeric * case a.value when 'yes' then 1 when 'partly' then 0.5 else 0 end)
      / sum((c.one ->> 'weight')::numeric), 2)
    from pg_catalog.jsonb_array_elements(v_criteria) with ordinality c (one, place)
    join pg_catalog.jsonb_each_text(v_score.answers) a on a.key = c.place::text);
  insert into public.interaction_scores as s (interaction_id, supervisor_id, version, answers, total, scored_by, scored_by_name, by_admin)
  select v_score.interaction_id, v_score.supervisor_id, p_version, v_score.answers, v_score.total, u.id, u.name, u.role = 'admin'
  from public.users u where u.id = private.viewer_id()
  on conflict (interaction_id) do update set answers = excluded.answers, total = excluded.total, scored_by = excluded.scored_by,
    scored_by_name = excluded.scored_by_name, by_admin = excluded.by_admin, scored_at = pg_catalog.now()
  where s.answers <> excluded.answers or s.by_admin <> excluded.by_admin;
  return v_score.total;
end $$;
comment on function public.score_interaction(uuid, integer, integer, text) is
  'Answers one criterion (no, partly, yes) of this version for an interaction that has ended; the total then. FW404, FW409, FW422.';
grant execute on function public.score_interaction(uuid, integer, integer, text) to authenticated;

create or replace function public.clear_interaction_score(p_interaction_id uuid) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_score public.interaction_scores := private.score_to_change(p_interaction_id);
begin
  delete from public.interaction_scores where id = v_score.id;
  return found;
end $$;
comment on function public.clear_interaction_score(uuid) is
  'Deletes the score of an interaction, which may then be scored by the present criteria; whether there was one. FW404, FW409.';
grant execute on function public.clear_interaction_score(uuid) to authenticated;

create or replace function public.show_phone_number(p_interaction_id uuid) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction public.interactions;
begin
  select * into v_interaction from public.interactions
  where id = p_interaction_id and supervisor_id = any (private.visible_supervisor_ids());
  if not found then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif v_interaction.anonymised_at is not null then
    raise exception 'the number was deleted with the words of the interaction' using errcode = 'FW409';
  elsif coalesce(v_interaction.phone_number, v_interaction.caller) is null then
    raise exception 'the number is not known' using errcode = 'FW409';
  end if;
  insert into public.audit_logs (actor_id, actor, action, row_id, supervisor_id, changes)
  select u.id, coalesce(u.username, u.name), 'interactions.number_shown', v_interaction.id::text, v_interaction.supervisor_id, '{}'
  from public.users u where u.id = private.viewer_id();
  return coalesce(v_interaction.phone_number, v_interaction.caller);
end $$;
comment on function public.show_phone_number(uuid) is
  'The whole number of the customer, or the text in its place; each time an entry of audit_logs says who saw it. FW404, FW409.';
grant execute on function public.show_phone_number(uuid) to authenticated;

alter table public.interaction_notes enable row level security;

grant select on public.interaction_notes to authenticated;

create policy interaction_notes_visible on public.interaction_notes for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

alter table public.interaction_note_versions enable row level security;

grant select on public.interaction_note_versions to authenticated;

-- Through the policy of the notes. Of a note that was withdrawn, its author alone reads the words.
create policy interaction_note_versions_visible on public.interaction_note_versions for select to authenticated
  using (exists (select from public.interaction_notes n where n.id = note_id
    and (n.withdrawn_at is null or n.author_id = (select private.viewer_id()))));

alter table public.interaction_flags enable row level security;

grant select on public.interaction_flags to authenticated;

create policy interaction_flags_visible on public.interaction_flags for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interaction_flags_10_unassign before update of supervisor_id on public.interaction_flags for each row
    when (old.supervisor_id <> new.supervisor_id)
  execute function private.unassign_moved();
create trigger interaction_flags_50_search after insert or delete or update of state on public.interaction_flags for each row
  execute function private.follow_search();
create trigger interaction_flags_70_audit after insert or update on public.interaction_flags for each row
  execute function private.audit('state', 'assigned_name');

alter table public.interaction_tags enable row level security;

grant select on public.interaction_tags to authenticated;

create policy interaction_tags_visible on public.interaction_tags for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interaction_tags_50_search after insert or delete on public.interaction_tags for each row
  execute function private.follow_search();

alter table public.scorecards enable row level security;

grant select on public.scorecards to authenticated;

create policy scorecards_visible on public.scorecards for select to authenticated
  using ((select private.viewer_role()) is not null);

alter table public.interaction_scores enable row level security;

grant select on public.interaction_scores to authenticated;

create policy interaction_scores_visible on public.interaction_scores for select to authenticated
  using (supervisor_id = any ((select private.visible_supervisor_ids())::uuid[]));

create trigger interaction_scores_70_audit after insert or delete or update on public.interaction_scores for each row
  execute function private.audit('answers', 'total');

-- What a new database begins with; an admin changes it at /scorecard.
insert into public.scorecards (version, criteria) values (1, '[
  {"name": "Verified identity", "meaning": "Made sure whom it spoke with before it said or did something about their account.", "weight": 1},
  {"name": "Correct information", "meaning": "What it said was right and complete.", "weight": 1},
  {"name": "Listened", "meaning": "Took up what the customer said, and did not make them say it again.", "weight": 1},
  {"name": "Followed policy", "meaning": "Offered and did what the rules of the company allow, and nothing else.", "weight": 1},
  {"name": "Closed clearly", "meaning": "The customer knew at the end what was done and what follows.", "weight": 1}
]');
