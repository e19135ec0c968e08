-- The page of an interaction counted decisions among its last 300 entries only. private.rulings has them all.
-- And sentences of the search and of the tags that a reader had to read twice.

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
    i.end_reason,
    i.is_test,
    i.agent_id,
    i.agent_version,
    i.anonymised_at,
    i.external_id
   from public.interactions i
     join public.agents a on a.id = i.agent_id
     join public.users u on u.id = i.supervisor_id
     left join public.interaction_pulse p on p.interaction_id = i.id;
comment on view private.interaction_heads is
  'The head of an interaction''s page.';
grant select on private.interaction_heads to authenticated;

create or replace function private.interaction_v2(p_arguments jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_interaction uuid := private.id_argument(p_arguments, 'interaction_id');
  v_supervisor uuid := case when p_arguments ? 'supervisor_id' then private.id_argument(p_arguments, 'supervisor_id') end;
begin
  return (
    select pg_catalog.jsonb_build_object(
      'interaction', pg_catalog.to_jsonb(h),
      'scores', private.satisfaction(i.id),
      'rulings', private.rulings(i.id),
      'timeline', private.timeline(i.id),
      'tool_permissions', private.permission_cards(array(
        select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status = 'pending'
        order by w.requested_at, w.id limit 50)),
      'answered', private.answered_cards(array(
        select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status <> 'pending' and (w.rule is null or w.rule = 'shown')
          and w.responded_at > pg_catalog.now() - interval '10 minutes' order by w.responded_at desc limit 5)),
      'archive', case when r.id is not null then pg_catalog.jsonb_build_object('summary', r.summary, 'issues', r.issues,
        'tags', r.tags, 'csat_score', r.csat_score, 'resolution_time_seconds', r.resolution_time_seconds,
        'fcr_status', r.fcr_status, 'created_at', r.created_at) end,
      'broken_by', (
        select later.id from public.interactions later
        join public.interaction_archives b on b.interaction_id = later.id
        where r.fcr_status = false and not later.is_test and later.phone_number = i.phone_number and later.started_at > i.started_at
          and later.started_at <= i.started_at + interval '3 days'
          and private.issue_tags(b.tags) && private.issue_tags(r.tags)
        order by later.started_at limit 1))
    from public.interactions i
    join private.interaction_heads h on h.id = i.id
    left join public.interaction_archives r on r.interaction_id = i.id
    where i.id = v_interaction and (v_supervisor is null or i.supervisor_id = v_supervisor));
end $$;
comment on function private.interaction_v2(jsonb) is
  'One interaction {interaction_id}, as long as it is of {supervisor_id} if that is given, through the reader''s own row-level security. FW422 for what is no id.';
grant execute on function private.interaction_v2(jsonb) to authenticated;

create or replace function private.rulings(p_interaction uuid) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
      extract(epoch from t.responded_at - i.started_at), t.status, 'q' || t.id) order by t.requested_at, t.id), '[]')
  from public.interactions i join public.tool_permissions t on t.interaction_id = i.id
  where i.id = p_interaction and t.rule is distinct from 'not_required'
$$;
comment on function private.rulings(uuid) is
  'All tool permissions of an interaction but those that run freely, in order: [[seconds from the start to the answer or null, status, id in the timeline], …].';
grant execute on function private.rulings(uuid) to authenticated;

create or replace function private.satisfaction(p_interaction uuid) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
        extract(epoch from m.at - i.started_at)::integer, m.satisfaction_score, m.sentiment) order by m.at, m.id)
     from (select r.id, coalesce(r.effective_at, r.timestamp) as at, r.satisfaction_score, r.sentiment
           from public.realtime_metrics r
           where r.interaction_id = i.id and r.satisfaction_score is not null order by r.timestamp desc limit 720) m),
    c.series, i.series, '[]')
  from public.interactions i left join public.interaction_archives c on c.interaction_id = i.id where i.id = p_interaction
$$;
comment on function private.satisfaction(uuid) is
  'Satisfaction during an interaction: [[seconds since the start, 0 to 100, sentiment], …], the last 720, or what is kept of them.';
grant execute on function private.satisfaction(uuid) to authenticated;

-- pg_trgm makes trigrams of letters and digits only, and in the embedded cluster it knows as letters only those of ASCII. This function
-- replaces every other character by letters and digits. A character that JSON and names often have becomes one rare letter. Any other
-- character becomes q and two more. So Chinese text and % have trigrams, and so has the space between two words.
create or replace function private.search_key(p_text text) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_digits constant text := '0123456789abcdefghijklmnopqrstuvwxyz';
  v_text text := pg_catalog.translate(pg_catalog.lower(p_text), e' "{}:,.-_/[]@+\n\\()''', 'zjxxvkwwykxxyyxvxxw');
begin
  if v_text ~ '^[a-z0-9]*$' then
    return v_text;
  end if;
  return (select pg_catalog.string_agg(case when c.one ~ '[a-z0-9]' then c.one
      else 'q' || pg_catalog.substr(v_digits, 1 + pg_catalog.ascii(c.one) / 36 % 36, 1) || pg_catalog.substr(v_digits, 1 + pg_catalog.ascii(c.one) % 36, 1)
      end, '' order by c.n)
    from pg_catalog.string_to_table(v_text, null) with ordinality c(one, n));
end $$;
comment on function private.search_key(text) is
  'The text as lower-case letters and digits of ASCII. A row that contains a text has a key that contains the key of that text. A row with such a key may still lack the text, so a search looks at the row as well.';

create or replace function private.timeline(p_interaction uuid, p_before jsonb default null::jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_at timestamptz;
  v_place integer;
  v_seq bigint;
  v_id text;
begin
  if p_before is not null then
    begin
      v_at := (p_before ->> 0)::timestamptz;
      v_place := (p_before ->> 1)::integer;
      v_seq := (p_before ->> 2)::bigint;
      v_id := p_before ->> 3;
    exception when data_exception then
      v_at := null;
    end;
    if v_at is null or v_place is null or v_seq is null or v_id is null then
      raise exception 'there are no such lines' using errcode = 'FW422';
    end if;
  end if;
  return (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(e) order by e.at, e.place, e.seq, e.id), '[]') from (
    select everything.*, everything.at < i.started_at or everything.at::date <> i.started_at::date as dated
    from public.interactions i
    cross join lateral (
      -- A stamp in the future counts as the time of arrival, and turns of one arrival keep their order.
      (select 't' || t.id as id, least(t.captured_at, t.created_at) as at, 0 as place, t.id as seq, t.speaker as kind, t.text,
        null::text as who, case when t.interrupted then 'interrupted' end as status, t.late, null::jsonb as permission
       from public.interaction_turns t where t.interaction_id = i.id
         and (v_at is null or (least(t.captured_at, t.created_at), 0, t.id, 't' || t.id) < (v_at, v_place, v_seq, v_id))
       order by least(t.captured_at, t.created_at) desc, t.id desc limit 300)
      union all
      (select 'm' || m.id, coalesce(m.effective_at, m.timestamp), 0, m.id, 'feed', m.feed_text, null, m.sentiment, false, null
       from public.realtime_metrics m where m.interaction_id = i.id and m.feed_text <> ''
         and (v_at is null or (coalesce(m.effective_at, m.timestamp), 0, m.id, 'm' || m.id) < (v_at, v_place, v_seq, v_id))
       order by coalesce(m.effective_at, m.timestamp) desc, m.id desc limit 300)
      union all
      select 'q' || q.id, q.requested_at, 1, 0, 'request', q.tool_name || ' ' || case when pg_catalog.length(q.arguments::text) > 2000
          then pg_catalog.left(q.arguments::text, 2000) || '…' else q.arguments::text end, null, null, false,
        pg_catalog.jsonb_build_object('id', q.id, 'tool_name', q.tool_name, 'status', q.status, 'rule', q.rule, 'reason', q.reason,
          'who', coalesce(q.responded_by_name, g.granted_by_name), 'grant_use', q.grant_use, 'responded_at', q.responded_at,
          'arguments', case when pg_catalog.length(q.arguments::text) <= 8000 then q.arguments::text end,
          'changed_arguments', case when pg_catalog.length(q.changed_arguments::text) <= 8000 then q.changed_arguments::text end,
          'changed', q.changed_arguments is not null, 'proposed', q.proposed_arguments is not null,
          'executed_at', q.executed_at, 'succeeded', q.execution_succeeded)
      from public.tool_permissions q
      left join public.tool_grants g on g.id = q.grant_id where q.interaction_id = i.id
      union all
      -- Decisions and executions have entries of their own for servers of the last release.
      select 'd' || q.id, q.responded_at, 2, 0, case q.rule when 'grant' then 'use' else 'decision' end, q.tool_name || coalesce(': ' || q.reason, ''),
        coalesce(q.responded_by_name, (select g.granted_by_name from public.tool_grants g where g.id = q.grant_id), q.rule),
        case q.rule when 'grant' then q.grant_use::text else q.status end, false, null
      from public.tool_permissions q where q.interaction_id = i.id and q.status <> 'pending'
      union all
      select 'g' || g.id, g.created_at, 4, 0, 'grant', g.tool_name || ': ' || private.grant_words(g) || ', '
          || g.max_uses || case g.max_uses when 1 then ' use' else ' uses' end || ' within '
          || (extract(epoch from g.expires_at - g.created_at) / 60)::integer || ' minutes', g.granted_by_name, null, false, null
      from public.tool_grants g where g.interaction_id = i.id
      union all
      select 'e' || g.id, g.ended_at, 5, 0, 'grant_end', g.tool_name, g.ended_by_name, g.ended_how, false, null
      from public.tool_grants g where g.interaction_id = i.id and g.ended_at < coalesce(i.ended_at, 'infinity')
      union all
      select 'x' || q.id, q.executed_at, 3, 0, 'execution', q.tool_name, null,
        case q.execution_succeeded when true then 'succeeded' when false then 'failed' else 'started' end, false, null
      from public.tool_permissions q where q.interaction_id = i.id and q.executed_at is not null
      union all
      -- The agent was paused or resumed during this interaction.
      select 'p' || l.id, l.at, 6, 0, 'pause', null, l.actor,
        case when l.changes -> 'paused_at' -> 1 = 'null' then 'resumed' else 'paused' end, false, null
      from public.audit_logs l where l.row_id = i.agent_id::text and l.changes ? 'paused_at'
        and l.at between i.started_at and coalesce(i.ended_at, 'infinity')
    ) everything
    where i.id = p_interaction and (v_at is null or (everything.at, everything.place, everything.seq, everything.id) < (v_at, v_place, v_seq, v_id))
    order by everything.at desc, everything.place desc, everything.seq desc, everything.id desc limit 300
  ) e);
end $$;
comment on function private.timeline(uuid, jsonb) is
  'The last 300 entries of an interaction, oldest first; with [at, place, seq, id] of one of them, those before it. A request has what became of it. FW422.';
grant execute on function private.timeline(uuid, jsonb) to authenticated;

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
  'Adds a tag to an interaction in lower case, and returns the tag. FW404, FW409, FW422.';
grant execute on function public.add_interaction_tag(uuid, text) to authenticated;

comment on column private.interaction_search.labels is
  'The filters that the interaction matches, in lower case, each as name:value: channel:voice, topic:refund. A test interaction also has the word test. The sentiment is that at the end. Made by private.interaction_labels.';
comment on column public.interaction_tags.tag is
  'In lower case, as in private.interaction_search.labels.';
comment on constraint interaction_tags_tag_check on public.interaction_tags is
  'a tag has 1 to 50 characters, in lower case';
