-- Why: an approval that nobody reads is a ceremony. An admin may let the product ask for something that ought to be denied, and see
-- whether it is.

create table private.drills (
  id uuid not null default gen_random_uuid(),
  supervisor_id uuid not null,
  interaction_id uuid not null,
  template text not null,
  why text not null,
  tool_name text not null,
  tool_description text,
  known_tool boolean not null,
  arguments json,
  arguments_digest text,
  last_arguments json,
  last_allowed_at timestamptz,
  usual_amount numeric,
  created_at timestamptz not null default clock_timestamp(),
  created_by uuid,
  expires_at timestamptz not null,
  outcome text,
  ended_at timestamptz,
  constraint drills_pkey primary key (id),
  constraint drills_supervisor_id_fkey foreign key (supervisor_id) references public.users(id) on delete cascade,
  constraint drills_interaction_id_fkey foreign key (interaction_id) references public.interactions(id) on delete cascade,
  constraint drills_created_by_fkey foreign key (created_by) references public.users(id) on delete set null,
  constraint drills_template_check check (length(template) between 1 and 40),
  constraint drills_why_check check (length(why) between 1 and 300),
  constraint drills_tool_name_check check (length(tool_name) between 1 and 200),
  constraint drills_tool_description_check check (length(tool_description) <= 1000),
  constraint drills_outcome_check check (outcome in ('caught', 'allowed', 'missed', 'withdrawn')),
  constraint drills_ended_check check ((outcome is null) = (ended_at is null)),
  constraint drills_words_check check ((outcome is null) = (arguments is not null and arguments_digest is not null)
    and (outcome is null or last_arguments is null))
);

comment on table private.drills is
  'Requests that the product itself puts into a supervisor''s queue, and that ought to be denied. Nothing else shows or counts them.';
comment on column private.drills.template is 'Which of those in server/permissions/drills.py it was made from.';
comment on column private.drills.why is 'Why it ought to be denied, for the person who answered it.';
comment on column private.drills.arguments is
  'Until the drill ends; then it is null like last_arguments, because a drill may repeat what a customer''s request said.';
comment on column private.drills.last_arguments is 'What the card marks differences from, as for a request of an agent.';
comment on column private.drills.created_by is 'The admin who sent it; null for one of the day''s.';
comment on column private.drills.outcome is
  'caught: denied. allowed. missed: nobody answered it in time. withdrawn: a request of an agent came, or the interaction ended. Null while it waits.';
comment on constraint drills_pkey on private.drills is
  'a drill is sent once';
comment on constraint drills_supervisor_id_fkey on private.drills is
  'a drill is on the floor of a person who exists';
comment on constraint drills_interaction_id_fkey on private.drills is
  'a drill belongs to an interaction that exists';
comment on constraint drills_created_by_fkey on private.drills is
  'who sent it is a person who exists';
comment on constraint drills_template_check on private.drills is
  'a template has a name of 40 characters at most';
comment on constraint drills_why_check on private.drills is
  'why a drill ought to be denied is said in 300 characters at most';
comment on constraint drills_tool_name_check on private.drills is
  'a tool has a name of 200 characters at most';
comment on constraint drills_tool_description_check on private.drills is
  'a description has 1000 characters at most';
comment on constraint drills_outcome_check on private.drills is
  'a drill is caught, allowed, missed or withdrawn';
comment on constraint drills_ended_check on private.drills is
  'a drill that ended has an outcome';
comment on constraint drills_words_check on private.drills is
  'a drill has arguments until it ends';

-- A floor has one at a time.
create unique index drills_waiting on private.drills (supervisor_id) where outcome is null;
comment on index private.drills_waiting is
  'a floor has one drill at a time';
-- The drills of a day and of the last ten minutes; the foreign key.
create index drills_of_supervisor on private.drills (supervisor_id, created_at desc);
-- The foreign key: an interaction that is deleted.
create index drills_of_interaction on private.drills (interaction_id);
-- The foreign key: an admin who is deleted.
create index drills_by_admin on private.drills (created_by);

create table private.drill_plans (
  supervisor_id uuid not null,
  per_day integer not null,
  constraint drill_plans_pkey primary key (supervisor_id),
  constraint drill_plans_supervisor_id_fkey foreign key (supervisor_id) references public.users(id) on delete cascade,
  constraint drill_plans_per_day_check check (per_day between 0 and 5)
);

comment on table private.drill_plans is
  'At most how many drills in 24 hours the product sends to a supervisor by itself. Without a row, none.';
comment on constraint drill_plans_pkey on private.drill_plans is
  'a supervisor has one number of drills a day';
comment on constraint drill_plans_supervisor_id_fkey on private.drill_plans is
  'drills are for a person who exists';
comment on constraint drill_plans_per_day_check on private.drill_plans is
  'a supervisor gets 0 to 5 drills a day';

-- Through functions alone: a supervisor who could read this table would know which request is a drill.
alter table private.drills enable row level security;
alter table private.drill_plans enable row level security;

create or replace function private.drill_stands(p_drill private.drills) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select (p_drill).outcome is null
    and exists (select from public.interaction_pulse p
      where p.interaction_id = (p_drill).interaction_id and p.supervisor_id = (p_drill).supervisor_id)
    and not exists (select from public.tool_permissions t where t.supervisor_id = (p_drill).supervisor_id and t.status = 'pending')
    and not exists (select from public.tool_permissions t
      where t.supervisor_id = (p_drill).supervisor_id and t.requested_at >= (p_drill).created_at and t.rule is null)
$$;
comment on function private.drill_stands(private.drills) is
  'Whether a drill still has its place: its interaction is live on that floor, and no request for a person has come since.';

create or replace function private.show_drill(p_drill private.drills) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case when (p_drill).outcome is null then
    pg_catalog.to_jsonb(pg_catalog.jsonb_populate_record(null::private.tool_permission_cards, pg_catalog.jsonb_build_object(
      'id', (p_drill).id, 'tool_name', (p_drill).tool_name, 'tool_description', (p_drill).tool_description, 'owner_description', g.description,
      'arguments', (p_drill).arguments::text, 'arguments_digest', (p_drill).arguments_digest, 'known_tool', (p_drill).known_tool,
      'status', 'pending', 'requested_at', (p_drill).created_at, 'expires_at', (p_drill).expires_at, 'times_held', 0,
      'undo_seconds', g.undo_seconds, 'interaction_id', i.id, 'agent_id', i.agent_id, 'agent_name', a.name, 'interaction_type', a.agent_type,
      'phone_number', p.phone_number, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score, 'feed', coalesce(p.feed, '[]'),
      'caller', p.caller, 'is_test', false, 'last_arguments', (p_drill).last_arguments::text, 'last_allowed_at', (p_drill).last_allowed_at,
      'grants', p.grants, 'accepts_changes', false, 'usual_amount', (p_drill).usual_amount)))
  else
    pg_catalog.to_jsonb(pg_catalog.jsonb_populate_record(null::private.decision_cards, pg_catalog.jsonb_build_object(
      'id', (p_drill).id, 'tool_name', (p_drill).tool_name, 'arguments', '{}', 'status',
      case (p_drill).outcome when 'caught' then 'denied' when 'allowed' then 'allowed' when 'missed' then 'timeout' else 'cancelled' end,
      'responded_by_name', case when (p_drill).outcome in ('caught', 'allowed') then u.username end, 'responded_at', (p_drill).ended_at,
      'agent_name', a.name, 'changed', false, 'proposed', false)))
    || pg_catalog.jsonb_build_object('drill', (p_drill).outcome, 'why', (p_drill).why) end
  from public.interactions i join public.agents a on a.id = i.agent_id join public.users u on u.id = (p_drill).supervisor_id
  left join public.interaction_pulse p on p.interaction_id = i.id
  left join public.agent_tools g on g.agent_id = i.agent_id and g.tool_name = (p_drill).tool_name
  where i.id = (p_drill).interaction_id
$$;
comment on function private.show_drill(private.drills) is
  'A drill as a card shows it: while it waits, a row of private.tool_permission_cards and nothing more; then one of private.decision_cards with drill (the outcome) and why.';

create or replace function private.drill_is_due(p_supervisor_id uuid) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select n.per_day > (select pg_catalog.count(*) from private.drills d where d.supervisor_id = n.supervisor_id
      and d.created_at > pg_catalog.now() - interval '24 hours' and d.outcome is distinct from 'withdrawn')
    and not exists (select from private.drills d where d.supervisor_id = n.supervisor_id
      and d.created_at > pg_catalog.now() - interval '15 minutes')
    and not exists (select from public.tool_permissions t where t.supervisor_id = n.supervisor_id and t.status = 'pending')
  from private.drill_plans n where n.supervisor_id = p_supervisor_id
$$;
comment on function private.drill_is_due(uuid) is
  'Whether the product may send this supervisor a drill by itself: fewer than their number in 24 hours, none in 15 minutes, and nothing waits. Null without a plan.';

create or replace function private.drill_ground(p_supervisor_id uuid) returns table(interaction_id uuid, tool_name text, tool_description text, arguments text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select p.interaction_id, l.tool_name, l.tool_description, l.arguments::text
  from (select * from public.interaction_pulse q where q.supervisor_id = p_supervisor_id and q.silent_since is null and not q.is_test
    order by pg_catalog.random() limit 1) p
  left join lateral (
    select t.tool_name, t.tool_description, t.arguments from (
      select n.* from public.tool_permissions n where n.supervisor_id = p_supervisor_id order by n.requested_at desc limit 200) t
    where t.agent_id = p.agent_id and t.status = 'allowed' and t.rule is null and coalesce(private.plain_amount(t.arguments, 'amount'), private.plain_amount(t.arguments, 'total'), private.plain_amount(t.arguments, 'price')) > 0
    order by t.requested_at desc limit 1) l on true
$$;
comment on function private.drill_ground(uuid) is
  'What a drill for this supervisor is made of: a live interaction, and the newest request with an amount that was allowed to its agent, among the last 200 of the floor; no row without a live interaction.';

create or replace function private.answer_drill(p_claims text, p_id uuid, p_status text, p_arguments_digest text) returns table(won boolean, card jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  won := private.settle_drill(p_id, p_status, p_arguments_digest);
  card := private.drill_card(p_id);
  return next;
end $$;
comment on function private.answer_drill(text, uuid, text, text) is
  'settle_drill for the person with these claims, and the card that follows. FW404, FW422.';
grant execute on function private.answer_drill(text, uuid, text, text) to floorwalker_web;

create or replace function private.audit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before jsonb := case when tg_op <> 'INSERT' then pg_catalog.to_jsonb(old) end;
  v_after jsonb := case when tg_op <> 'DELETE' then pg_catalog.to_jsonb(new) end;
  v_row jsonb := coalesce(v_after, v_before);
  v_changes jsonb;
  v_person public.users;
begin
  select pg_catalog.jsonb_object_agg(c, pg_catalog.jsonb_build_array(v_before -> c, v_after -> c)) into v_changes
  from pg_catalog.unnest(tg_argv) c
  where v_before -> c is distinct from v_after -> c and (v_before is not null or v_after -> c <> 'null');
  if v_changes is null then
    return null;
  end if;
  select * into v_person from public.users where id = private.viewer_id();
  insert into public.audit_logs (actor_id, actor, action, row_id, supervisor_id, changes)
  values (v_person.id,
    coalesce(v_person.username, v_person.name, 'agent ' || private.current_agent(),
      nullif(pg_catalog.current_setting('role', true), 'none'), session_user),
    tg_table_name || '.' || pg_catalog.lower(tg_op), coalesce(v_row ->> 'id', v_row ->> 'name', v_row ->> 'supervisor_id'),
    coalesce(v_row ->> 'supervisor_id', case tg_table_name when 'users' then v_row ->> 'id' end,
      (select a.supervisor_id::text from public.agents a where a.id = (v_row ->> 'agent_id')::uuid))::uuid,
    v_changes);
  return null;
end $$;
comment on function private.audit() is
  'Trigger with the columns that count: writes what changed of them into audit_logs.';

create or replace function private.choose_drill_ground(p_supervisor_id uuid) returns table(interaction_id uuid, tool_name text, tool_description text, arguments text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.require_admin();
  perform from public.users where id = p_supervisor_id and role = 'supervisor' and deactivated_at is null;
  if not found then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  end if;
  return query select * from private.drill_ground(p_supervisor_id);
  if not found then
    raise exception 'no interaction on this floor is live and heard, and a drill belongs to one' using errcode = 'FW409';
  end if;
end $$;
comment on function private.choose_drill_ground(uuid) is
  'drill_ground for an admin who sends a drill. FW403, FW404 for no supervisor, FW409 without a live interaction.';
grant execute on function private.choose_drill_ground(uuid) to authenticated;

create or replace function private.drill_card(p_id uuid) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select private.show_drill(d) from private.drills d
  where d.id = p_id and d.supervisor_id = private.viewer_id() and private.viewer_role() = 'supervisor'
    and (d.outcome is not null or private.drill_stands(d))
$$;
comment on function private.drill_card(uuid) is
  'What the card of a drill on the viewer''s own floor shows; none when there is no such drill.';
grant execute on function private.drill_card(uuid) to authenticated;

create or replace function private.drill_cards(p_supervisor_id uuid) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_drill private.drills;
  v_waiting jsonb;
  v_ended jsonb := '[]';
begin
  if p_supervisor_id is distinct from private.viewer_id() then
    return null;
  end if;
  -- Nearly always there is none, which one look at an index tells. A day has five at most beside those that were withdrawn.
  for v_drill in
    select * from private.drills d where d.supervisor_id = p_supervisor_id and d.created_at > pg_catalog.now() - interval '1 day'
      and d.outcome is distinct from 'withdrawn' and coalesce(d.ended_at, 'infinity') > pg_catalog.now() - interval '10 minutes'
    order by d.created_at desc
  loop
    if private.viewer_role() is distinct from 'supervisor' then
      return null;
    elsif v_drill.outcome is not null then
      v_ended := v_ended || private.show_drill(v_drill);
    elsif v_drill.expires_at > pg_catalog.clock_timestamp() and private.drill_stands(v_drill) then
      v_waiting := private.show_drill(v_drill);
    end if;
  end loop;
  if v_waiting is null and v_ended = '[]' then
    return null;
  end if;
  return pg_catalog.json_build_object('waiting', v_waiting, 'ended', v_ended);
end $$;
comment on function private.drill_cards(uuid) is
  'The drill that waits on the viewer''s own floor {waiting, or null} and those that ended within ten minutes {ended}; null for none, and for anybody else''s floor.';
grant execute on function private.drill_cards(uuid) to authenticated;

create or replace function private.drill_report() returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.require_admin();
  return pg_catalog.json_build_object(
    'supervisors', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(s) order by s.username), '[]') from (
      select u.id, u.username, u.name, coalesce(n.per_day, 0) as per_day,
        exists (select from public.interaction_pulse p where p.supervisor_id = u.id and p.silent_since is null and not p.is_test) as live,
        exists (select from private.drills d where d.supervisor_id = u.id and d.outcome is null) as waits
      from public.users u left join private.drill_plans n on n.supervisor_id = u.id
      where u.role = 'supervisor' and u.deactivated_at is null order by u.username limit 500) s),
    'drills', (select coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(d) order by d.created_at desc), '[]') from (
      select d.id, u.username, d.template, d.tool_name, d.created_at, d.outcome, d.ended_at, coalesce(b.username, b.name) as sent_by,
        a.name as agent_name, d.interaction_id
      from private.drills d join public.users u on u.id = d.supervisor_id left join public.users b on b.id = d.created_by
      join public.interactions i on i.id = d.interaction_id join public.agents a on a.id = i.agent_id
      order by d.created_at desc limit 50) d));
end $$;
comment on function private.drill_report() is
  'For admins: each supervisor with their drills a day, whether they have a live interaction (live) and an open drill (waits); and the last 50 drills. FW403.';
grant execute on function private.drill_report() to authenticated;

create or replace function private.drill_results(p_since timestamptz) returns table(supervisor_id uuid, username text, caught bigint, allowed bigint, missed bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select d.supervisor_id, u.username, pg_catalog.count(*) filter (where d.outcome = 'caught'), pg_catalog.count(*) filter (where d.outcome = 'allowed'),
    pg_catalog.count(*) filter (where d.outcome = 'missed')
  from private.drills d join public.users u on u.id = d.supervisor_id
  where d.created_at > p_since and d.outcome in ('caught', 'allowed', 'missed') and d.supervisor_id = any (array(select private.visible_supervisors()))
  group by d.supervisor_id, u.username order by u.username
$$;
comment on function private.drill_results(timestamptz) is
  'How drills ended since then, for each supervisor whom the viewer may see, by name. What waits is not told.';
grant execute on function private.drill_results(timestamptz) to authenticated;

create or replace function private.due_drills(p_supervisor_ids uuid[]) returns table(supervisor_id uuid, interaction_id uuid, tool_name text, tool_description text, arguments text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select n.supervisor_id, g.interaction_id, g.tool_name, g.tool_description, g.arguments
  from private.drill_plans n cross join lateral private.drill_ground(n.supervisor_id) g
  where n.supervisor_id = any (p_supervisor_ids) and private.drill_is_due(n.supervisor_id)
$$;
comment on function private.due_drills(uuid[]) is
  'Those of these supervisors to whom the product may send a drill now, and what it is made of.';
grant execute on function private.due_drills(uuid[]) to floorwalker_web;

create or replace function private.end_drills() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count integer;
begin
  with over as materialized (
    select d.id, private.drill_stands(d) as stands from private.drills d where d.outcome is null
    order by d.expires_at limit 200 for update skip locked
  )
  update private.drills d set outcome = case when o.stands then 'missed' else 'withdrawn' end, ended_at = pg_catalog.clock_timestamp(),
    arguments = null, arguments_digest = null, last_arguments = null
  from over o where d.id = o.id and (not o.stands or d.expires_at <= pg_catalog.clock_timestamp());
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function private.end_drills() is
  'Ends drills whose time is over, or whose place is lost; how many.';

create or replace function private.expire_tool_permissions() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_settled integer;
  v_count integer;
begin
  -- Grants first, because every function locks interactions and pulses before requests.
  v_settled := private.end_expired_grants() + private.settle_held_permissions() + private.end_drills();
  with due as (
    select id from public.tool_permissions
    where status = 'pending' and held_until is null and expires_at <= pg_catalog.clock_timestamp()
    order by expires_at limit 500 for no key update skip locked
  )
  update public.tool_permissions t set status = 'timeout', responded_at = pg_catalog.clock_timestamp()
  from due where t.id = due.id;
  get diagnostics v_count = row_count;
  return v_settled + v_count;
end $$;
comment on function private.expire_tool_permissions() is
  'Marks at most 500 expired requests as timeout, and allows at most 500 whose allow can no longer be taken back, and ends drills; how many. Safe on every replica.';
grant execute on function private.expire_tool_permissions() to floorwalker_web, service_role;

-- Returns json, assembled as text: as jsonb, a tree that is built and written out again, a floor took half as long again. Rows
-- whose version (xmin) the reader knows are left out, and tool permissions are read when one has rung or some are shown. On the
-- whole floor, in one run: p99 1,543 → 85 ms, web processes 1.04 → 0.83 cores, PostgreSQL 0.57 → 0.46.
create or replace function private.floor_v2(p_arguments jsonb) returns json
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
  v_known jsonb := p_arguments -> 'known';
  v_waiting uuid[];
  v_more bigint := 0;
  v_lately uuid[];
  v_pending json;
  v_answered json;
  v_asked_until json;
  v_drills json;
begin
  if p_arguments -> 'urgent' is distinct from 'false' or v_known ->> 'asked' is distinct from 'nothing' then
    select w.ids, w.more into v_waiting, v_more from private.waiting_in_turn(array[v_supervisor], 50) w;
    v_lately := array(
      select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status <> 'pending'
        and (t.rule is null or t.rule = 'shown') and t.responded_at > pg_catalog.now() - interval '10 minutes'
        order by t.responded_at desc limit 5);
    v_drills := private.drill_cards(v_supervisor);
  end if;
  if v_waiting <> '{}' then
    select pg_catalog.json_agg(pg_catalog.row_to_json(c) order by pg_catalog.array_position(v_waiting, c.id)) into v_pending
    from private.tool_permission_cards c where c.id = any (v_waiting);
  end if;
  if v_lately <> '{}' then
    select pg_catalog.json_object_agg(a.agent_id, a.until) into v_asked_until from (
      select t.agent_id, pg_catalog.max(t.responded_at) as until from public.tool_permissions t
      where t.supervisor_id = v_supervisor and t.status <> 'pending' and t.rule is null
        and t.responded_at > pg_catalog.now() - interval '1 minute'
      group by t.agent_id) a;
    select pg_catalog.json_agg(pg_catalog.row_to_json(c) order by c.responded_at desc) into v_answered
    from private.decision_cards c where c.id = any (v_lately);
  end if;
  if v_drills is not null then
    -- A drill waits only while no request does; private.drill_stands says the same.
    if v_pending is null and v_drills ->> 'waiting' is not null then
      v_pending := pg_catalog.json_build_array(v_drills -> 'waiting');
    end if;
    select pg_catalog.json_agg(l.card order by (l.card ->> 'responded_at')::timestamptz desc) into v_answered from (
      select e.card from (
        select value as card from pg_catalog.json_array_elements(coalesce(v_answered, '[]'))
        union all select value from pg_catalog.json_array_elements(v_drills -> 'ended')) e
      order by (e.card ->> 'responded_at')::timestamptz desc limit 5) l;
  end if;
  return pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(
        case when c.row_version = v_known ->> c.id::text then pg_catalog.json_build_object('id', c.id, 'row_version', c.row_version)
        else pg_catalog.row_to_json(c) end order by c.slot), '[]')
      from private.agent_cards c where c.supervisor_id = v_supervisor),
    'tool_permissions', coalesce(v_pending, '[]'),
    'more', v_more,
    'answered', coalesce(v_answered, '[]'),
    'asked_until', coalesce(v_asked_until, '{}'),
    'read_at', pg_catalog.now());
end $$;
comment on function private.floor_v2(jsonb) is
  'A supervisor''s floor {supervisor_id, known: {agent''s id: row_version, asked: nothing}, urgent}, through the reader''s own row-level security; of an agent whose row_version is known only these two, and no tool permissions where it is known that there are none and urgent is false. FW422 for what is no id.';
grant execute on function private.floor_v2(jsonb) to authenticated;

create or replace function private.place_drill(p_supervisor_id uuid, p_created_by uuid, p_interaction_id uuid, p_template text, p_why text, p_tool_name text, p_tool_description text, p_arguments json) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent uuid;
  v_now timestamptz;
  v_last public.tool_permissions;
  v_id uuid;
begin
  -- Of two simultaneous ones, the second counts the first.
  perform from public.users where id = p_supervisor_id and role = 'supervisor' and deactivated_at is null for no key update;
  if not found then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  end if;
  v_now := pg_catalog.clock_timestamp();
  if p_created_by is null and private.drill_is_due(p_supervisor_id) is not true then
    return null;
  elsif (select pg_catalog.count(*) from private.drills where supervisor_id = p_supervisor_id
      and created_at > v_now - interval '24 hours' and outcome is distinct from 'withdrawn') >= 5 then
    raise exception 'a supervisor gets five drills in 24 hours at most' using errcode = 'FW409';
  elsif exists (select from public.tool_permissions where supervisor_id = p_supervisor_id and status = 'pending') then
    raise exception 'a request waits on this floor, and a drill would be in its way: try again when it is answered' using errcode = 'FW409';
  end if;
  select agent_id into v_agent from public.interaction_pulse where interaction_id = p_interaction_id and supervisor_id = p_supervisor_id;
  if v_agent is null then
    raise exception 'the interaction of the drill has just ended: send it again' using errcode = 'FW409';
  end if;
  if exists (select from public.agent_tools g where g.agent_id = v_agent and g.tool_name = p_tool_name and private.tool_refuses(g, p_arguments)) then
    raise exception 'the tool refuses this by itself, so no person would be asked: choose another drill' using errcode = 'FW409';
  end if;
  select * into v_last from public.tool_permissions t
  where t.supervisor_id = p_supervisor_id and t.tool_name = p_tool_name and t.status = 'allowed' order by t.responded_at desc limit 1;
  insert into private.drills (supervisor_id, interaction_id, template, why, tool_name, tool_description, known_tool, arguments, arguments_digest,
    last_arguments, last_allowed_at, usual_amount, created_at, created_by, expires_at)
  values (p_supervisor_id, p_interaction_id, p_template, p_why, p_tool_name, p_tool_description,
    exists (select from public.agent_tools g where g.agent_id = v_agent and g.tool_name = p_tool_name), p_arguments,
    pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p_arguments::text, 'UTF8')), 'hex'),
    nullif(coalesce(v_last.changed_arguments, v_last.arguments)::text, '{}')::json, v_last.responded_at,
    private.usual_amount(p_supervisor_id, p_tool_name, p_arguments), v_now, p_created_by,
    v_now + pg_catalog.make_interval(secs => private.setting('permission_seconds')))
  on conflict (supervisor_id) where outcome is null do nothing
  returning id into v_id;
  if v_id is null and p_created_by is not null then
    raise exception 'a drill waits on this floor already' using errcode = 'FW409';
  end if;
  return v_id;
end $$;
comment on function private.place_drill(uuid, uuid, uuid, text, text, text, text, json) is
  'Puts a drill into a supervisor''s queue; its id, or null where the product itself may not send one now. FW404, FW409.';

create or replace function private.ring_drill() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The topic of real requests, so that a page reads a drill as soon, and a listener cannot tell one from the other.
  perform pg_catalog.pg_notify('floor', 'tool_permissions:' || new.supervisor_id);
  return null;
end $$;
comment on function private.ring_drill() is
  'Trigger: NOTIFY floor, ''tool_permissions:<supervisor_id>''.';

create or replace function private.send_drill(p_supervisor_id uuid, p_interaction_id uuid, p_template text, p_why text, p_tool_name text, p_tool_description text, p_arguments json) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.place_drill(p_supervisor_id, private.require_admin(), p_interaction_id, p_template, p_why, p_tool_name, p_tool_description, p_arguments);
end $$;
comment on function private.send_drill(uuid, uuid, text, text, text, text, json) is
  'An admin sends a drill now; its id. FW403 for anybody else, FW404 for no supervisor, FW409 with the reason why not now.';
grant execute on function private.send_drill(uuid, uuid, text, text, text, text, json) to authenticated;

create or replace function private.send_due_drill(p_supervisor_id uuid, p_interaction_id uuid, p_template text, p_why text, p_tool_name text, p_tool_description text, p_arguments json) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return private.place_drill(p_supervisor_id, null, p_interaction_id, p_template, p_why, p_tool_name, p_tool_description, p_arguments);
end $$;
comment on function private.send_due_drill(uuid, uuid, text, text, text, text, json) is
  'The product sends one of the day''s drills; its id, or null when it is not due any more. FW404, FW409.';
grant execute on function private.send_due_drill(uuid, uuid, text, text, text, text, json) to floorwalker_web;

create or replace function private.set_drills_per_day(p_supervisor_id uuid, p_per_day integer) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.require_admin();
  if (p_per_day between 0 and 5) is not true then
    raise exception 'a supervisor gets 0 to 5 drills a day' using errcode = 'FW422';
  end if;
  perform from public.users where id = p_supervisor_id and role = 'supervisor';
  if not found then
    raise exception 'there is no such supervisor' using errcode = 'FW404';
  end if;
  insert into private.drill_plans as n (supervisor_id, per_day) values (p_supervisor_id, p_per_day)
  on conflict (supervisor_id) do update set per_day = excluded.per_day where n.per_day <> excluded.per_day;
end $$;
comment on function private.set_drills_per_day(uuid, integer) is
  'An admin says how many drills in 24 hours a supervisor gets at most. FW403, FW404, FW422.';
grant execute on function private.set_drills_per_day(uuid, integer) to authenticated;

create or replace function private.settle_drill(p_id uuid, p_status text, p_arguments_digest text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_drill private.drills;
  v_outcome text;
begin
  select * into v_drill from private.drills where id = p_id and supervisor_id = private.viewer_id()
    and private.viewer_role() = 'supervisor' for update;
  if v_drill.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif p_status not in ('allowed', 'denied') then
    raise exception 'a decision is allowed or denied' using errcode = 'FW422';
  elsif v_drill.outcome is not null then
    return false;
  end if;
  if not private.drill_stands(v_drill) then
    v_outcome := 'withdrawn';
  elsif v_drill.expires_at <= pg_catalog.clock_timestamp() then
    v_outcome := 'missed';
  elsif p_arguments_digest is distinct from v_drill.arguments_digest then
    return false;
  else
    v_outcome := case p_status when 'denied' then 'caught' when 'allowed' then 'allowed' end;
  end if;
  if v_outcome is null then
    return false;
  end if;
  update private.drills set outcome = v_outcome, ended_at = pg_catalog.clock_timestamp(), arguments = null, arguments_digest = null,
    last_arguments = null where id = p_id;
  return v_outcome in ('caught', 'allowed');
end $$;
comment on function private.settle_drill(uuid, text, text) is
  'The supervisor''s answer to a drill, allowed or denied, with the digest of what they saw; null answers nothing. Whether it was stored. FW404 when it is nobody''s or another''s, FW422.';
grant execute on function private.settle_drill(uuid, text, text) to authenticated;

create or replace function private.see_permission(p_id uuid, p_arguments_digest text, p_ago integer, p_opened boolean) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row public.tool_permissions;
begin
  if (p_ago between 0 and 600000) is not true then
    raise exception 'how long ago it was seen is 0 to 600000 milliseconds' using errcode = 'FW422';
  end if;
  select * into v_row from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors()));
  if v_row.id is null then
    -- Of a drill nothing is noted, and the page does not learn that it is one.
    if exists (select from private.drills where id = p_id and supervisor_id = private.viewer_id())
        and private.viewer_role() = 'supervisor' then
      return true;
    end if;
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif v_row.arguments_digest is distinct from p_arguments_digest then
    raise exception 'the request has other arguments' using errcode = 'FW409';
  elsif v_row.status <> 'pending' then
    return false;
  end if;
  insert into public.permission_sights as s (tool_permission_id, viewer_id, first_seen_at, opened_arguments)
  values (p_id, private.viewer_id(), greatest(v_row.requested_at, pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => p_ago / 1000.0)),
    coalesce(p_opened, false))
  on conflict (tool_permission_id, viewer_id) do update set opened_arguments = true
  where excluded.opened_arguments and not s.opened_arguments;
  return true;
end $$;
comment on function private.see_permission(uuid, text, integer, boolean) is
  'The viewer has this waiting request before their eyes, since so many milliseconds; false when it is answered. Reported again, it only notes that the arguments were opened. FW404 when it is not theirs, FW409 for other arguments, FW422.';
grant execute on function private.see_permission(uuid, text, integer, boolean) to authenticated;

create trigger drill_plans_70_audit after insert or update on private.drill_plans for each row
  execute function private.audit('per_day');

create trigger drills_60_ring after insert or update on private.drills for each row
  execute function private.ring_drill();
