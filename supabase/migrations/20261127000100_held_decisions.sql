-- A decision says which request it was made for, by the digest of its arguments; and an allow of a tool with undo_seconds
-- is held: until they have passed its giver can take it back, and nobody can run the tool.
-- Every deadline is judged by one reading of the clock that is taken after the row is locked, and that reading is stored:
-- a claim compared one reading with execute_before and stored a later one in executed_at. The guard of tool_permissions
-- takes it, since no writer passes the guard by.

alter table public.agent_tools add column undo_seconds integer not null default 0
  constraint agent_tools_undo_seconds check (undo_seconds between 0 and 300);
comment on column public.agent_tools.undo_seconds is
  'For so many seconds an allow of this tool can be taken back by its giver, and counts for nobody yet. 0: at once.';

alter table public.tool_permissions
  add column held_decision text constraint tool_permissions_held_decision check (held_decision = 'allowed'),
  add column held_by uuid,
  add column held_by_name text,
  add column held_reason text constraint tool_permissions_held_reason check (pg_catalog.length(held_reason) <= 1000),
  add column held_until timestamptz,
  add column times_held smallint not null default 0;
alter table public.tool_permissions
  add constraint tool_permissions_held_by foreign key (held_by) references public.users (id) on delete restrict not valid,
  add constraint tool_permissions_held check ((held_decision is null) = (held_until is null)
    and (held_by is null) = (held_until is null) and (held_by_name is null) = (held_until is null)
    and (held_until is not null or held_reason is null) and (held_until is null or status = 'pending')) not valid;
-- squawk-ignore constraint-missing-not-valid -- the columns are new and empty: a moment
alter table public.tool_permissions validate constraint tool_permissions_held_by;
-- squawk-ignore constraint-missing-not-valid -- as above
alter table public.tool_permissions validate constraint tool_permissions_held;
comment on column public.tool_permissions.held_decision is
  'allowed: somebody has allowed it and can still take that back. The status stays pending until held_until, so that nobody runs the tool.';
comment on column public.tool_permissions.held_by is 'Who alone can take it back.';
comment on column public.tool_permissions.held_by_name is 'Their username, or an admin''s name: peers may not read each other''s rows.';
comment on column public.tool_permissions.held_reason is 'The reason that they gave; it becomes the decision''s.';
comment on column public.tool_permissions.held_until is 'When the allow takes effect, unless it is taken back or the interaction ends before.';
comment on column public.tool_permissions.times_held is 'How many times an allow of it was held: with held_until the order of what a page knows of it.';
-- squawk-ignore require-concurrent-index-creation -- a migration is one transaction; no row is in it yet
create index tool_permissions_held_until on public.tool_permissions (held_until) where held_until is not null;
-- squawk-ignore require-concurrent-index-creation -- as above
create index tool_permissions_held_by on public.tool_permissions (held_by) where held_by is not null;

create or replace function private.guard_tool_permission() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := pg_catalog.clock_timestamp();  -- the row is locked when a trigger before update runs
  v_held constant boolean := old.held_until is not null;
begin
  if new.arguments::text = '{}' and (new.reason, new.execution_result) is not distinct from (null::text, null::jsonb)
     and exists (select from public.interactions where id = new.interaction_id and anonymised_at is not null) then
    -- Forgotten: the words go, and nothing else changes.
    new.arguments := old.arguments;
    new.reason := old.reason;
    new.execution_result := old.execution_result;
    if pg_catalog.to_jsonb(new) - 'supervisor_response' <> pg_catalog.to_jsonb(old) - 'supervisor_response' then  -- generated later
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
    new.arguments := '{}';
    new.reason := null;
    new.execution_result := null;
    return new;
  end if;

  if (new.interaction_id, new.tool_name, new.arguments::text, new.arguments_digest, new.requested_at, new.expires_at)
     is distinct from (old.interaction_id, old.tool_name, old.arguments::text, old.arguments_digest, old.requested_at, old.expires_at) then
    raise exception 'a tool permission''s request does not change' using errcode = 'FW409';
  end if;

  if old.status <> 'pending' then
    if new.status is distinct from old.status then
      raise exception 'the tool permission is already %', old.status using errcode = 'FW409';
    elsif (new.responded_at, new.responded_by, new.responded_by_name, new.reason, new.execute_before)
          is distinct from (old.responded_at, old.responded_by, old.responded_by_name, old.reason, old.execute_before) then
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
  elsif new.status = 'pending' and not v_held and new.held_until is not null then  -- an allow is held
    if old.expires_at <= v_now then
      raise exception 'the tool permission has expired' using errcode = 'FW409';
    elsif new.held_until <= v_now then
      raise exception 'held_until must be in the future' using errcode = 'FW409';
    end if;
    -- Its time stands still meanwhile, and so nobody who reads the row takes it for expired.
    new.expires_at := old.expires_at + (new.held_until - v_now);
    new.times_held := old.times_held + 1;
  elsif new.status = 'pending' and v_held and new.held_until is null then  -- and taken back
    if old.held_until <= v_now then
      raise exception 'it was allowed, and can no longer be taken back' using errcode = 'FW409';
    end if;
    new.expires_at := old.expires_at - (old.held_until - v_now);
  elsif new.status = 'pending' then
    if (new.held_decision, new.held_by, new.held_by_name, new.held_reason, new.held_until, new.times_held)
       is distinct from (old.held_decision, old.held_by, old.held_by_name, old.held_reason, old.held_until, old.times_held) then
      raise exception 'what was decided does not change' using errcode = 'FW409';
    end if;
  else  -- decided, expired or cancelled
    if v_held and new.status <> 'cancelled' and (new.status <> 'allowed' or new.responded_by is distinct from old.held_by) then
      raise exception 'the tool permission was allowed by %, who can still take it back', old.held_by_name using errcode = 'FW409';
    elsif v_held and new.status = 'allowed' then
      if old.held_until > v_now then
        raise exception 'the allow can still be taken back' using errcode = 'FW409';
      end if;
      new.expires_at := old.expires_at + (v_now - old.held_until);
    elsif new.status in ('allowed', 'denied') and old.expires_at <= v_now then
      raise exception 'the tool permission has expired' using errcode = 'FW409';
    elsif new.status = 'timeout' and old.expires_at > v_now then
      raise exception 'the tool permission has not expired yet' using errcode = 'FW409';
    end if;
    -- However long the writer's window to execute is, it begins now.
    new.execute_before := v_now + (new.execute_before - new.responded_at);
    new.responded_at := v_now;
    new.held_decision := null;
    new.held_by := null;
    new.held_by_name := null;
    new.held_reason := null;
    new.held_until := null;
  end if;

  if old.executed_at is null then
    if new.executed_at is not null then
      if old.execute_before <= v_now then
        raise exception 'the time to run the tool ended at %: do not run it', old.execute_before using errcode = 'FW409';
      end if;
      new.executed_at := v_now;
    end if;
  elsif (new.execution_id, new.executed_at) is distinct from (old.execution_id, old.executed_at) then
    raise exception 'the execution is already claimed' using errcode = 'FW409';
  end if;
  if old.execution_reported_at is null and new.execution_reported_at is not null then
    new.execution_reported_at := v_now;
  end if;
  return new;
end $$;
comment on function private.guard_tool_permission() is
  'Trigger: one decision before expiry and one execution within its window, each judged and stored at one moment, of what was asked; an allow that is held changes only by its giver, its time or the end; words go when the interaction is forgotten. FW409 otherwise, whoever writes.';

create function private.settle_held_permissions(p_id uuid default null) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_count integer;
begin
  with due as (
    select id from public.tool_permissions
    where held_until <= pg_catalog.clock_timestamp() and (p_id is null or id = p_id)
    order by held_until limit 500 for no key update skip locked
  )
  update public.tool_permissions t set status = 'allowed', responded_by = t.held_by, responded_by_name = t.held_by_name,
    reason = t.held_reason, responded_at = m.moment,
    execute_before = m.moment + pg_catalog.make_interval(secs => private.setting('execute_seconds'))
  from due, (select pg_catalog.clock_timestamp() as moment) m where t.id = due.id;
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function private.settle_held_permissions(uuid) is
  'Allows what was held and can no longer be taken back, this request or at most 500; how many. Safe for everybody to call, on every replica.';
revoke all on function private.settle_held_permissions(uuid) from public;
grant execute on function private.settle_held_permissions(uuid) to agent_runtime, service_role;

create or replace function private.expire_tool_permissions() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_settled integer := private.settle_held_permissions();
  v_count integer;
begin
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
  'Marks at most 500 expired requests as timeout, and allows at most 500 whose allow can no longer be taken back; how many. Safe on every replica.';

-- squawk-ignore ban-drop-function -- the new one takes the same call, and refuses it in words
drop function public.decide_tool_permission(uuid, text, text);
create function public.decide_tool_permission(p_id uuid, p_status text, p_reason text default null, p_arguments_digest text default null)
returns setof public.tool_permissions
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.tool_permissions;
  v_undo integer := 0;
  v_reason text := nullif(pg_catalog.btrim(p_reason), '');
begin
  if p_status is null or p_status not in ('allowed', 'denied') then
    raise exception 'a decision is allowed or denied' using errcode = 'FW422';
  elsif pg_catalog.length(p_reason) > 1000 then
    raise exception 'a reason has at most 1000 characters' using errcode = 'FW422';
  elsif p_arguments_digest is null then
    raise exception 'a decision carries the arguments_digest of the request that it is made for' using errcode = 'FW422';
  end if;
  perform from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors()));
  if not found then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  -- A grant that follows refers to the interaction: before the permission, as whoever removes or moves it.
  perform from public.interactions
  where id = (select interaction_id from public.tool_permissions where id = p_id) for key share;
  select * into v_row from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors())) for no key update;
  if v_row.id is null or v_row.status <> 'pending' or v_row.held_until is not null
     or v_row.arguments_digest <> p_arguments_digest then
    return;
  end if;
  if p_status = 'allowed' then
    v_undo := coalesce((select g.undo_seconds from public.agent_tools g
      where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name)), 0);
  end if;
  begin
    if v_undo > 0 then
      return query
      update public.tool_permissions t set held_decision = p_status, held_by = u.id, held_by_name = coalesce(u.username, u.name),
        held_reason = v_reason, held_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => v_undo)
      from public.users u where t.id = p_id and u.id = private.viewer_id()
      returning t.*;
    else
      return query
      update public.tool_permissions t set status = p_status, responded_at = m.moment, responded_by = u.id,
        responded_by_name = coalesce(u.username, u.name), reason = v_reason,
        execute_before = case when p_status = 'allowed' then m.moment
          + pg_catalog.make_interval(secs => private.setting('execute_seconds')) end
      from public.users u, (select pg_catalog.clock_timestamp() as moment) m
      where t.id = p_id and u.id = private.viewer_id()
      returning t.*;
    end if;
  exception when sqlstate 'FW409' then  -- the guard: it has expired
    return;
  end;
end $$;
comment on function public.decide_tool_permission(uuid, text, text, text) is
  'The viewer''s decision (allowed or denied) on the request with these arguments: the row, or none when it was decided before, has expired or has other arguments. An allow of a tool with undo_seconds is held: the row stays pending. FW404 when it is not theirs, FW422 without a digest.';
revoke all on function public.decide_tool_permission(uuid, text, text, text) from public;
grant execute on function public.decide_tool_permission(uuid, text, text, text) to authenticated;

create function public.take_back_tool_permission(p_id uuid) returns setof public.tool_permissions
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.tool_permissions;
begin
  select * into v_row from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors())) for no key update;
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif v_row.held_by is distinct from private.viewer_id() then
    return;
  end if;
  begin
    return query
    update public.tool_permissions set held_decision = null, held_by = null, held_by_name = null, held_reason = null, held_until = null
    where id = p_id returning *;
  exception when sqlstate 'FW409' then  -- the guard: too late
    return;
  end;
end $$;
comment on function public.take_back_tool_permission(uuid) is
  'Takes back the viewer''s own allow while it is held: the row, pending again with the time that it had left, or none when there is nothing of theirs to take back. FW404 when they may not see it.';
revoke all on function public.take_back_tool_permission(uuid) from public;
grant execute on function public.take_back_tool_permission(uuid) to authenticated;

create or replace function public.claim_execution(p_id uuid, p_arguments_digest text) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.tool_permissions;
  v_lives boolean;
begin
  select * into v_row from public.tool_permissions where id = p_id and agent_id = private.current_agent();
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  end if;
  -- In everybody's order: the interaction stays where it is, its pulse lives, then the permission.
  perform from public.interactions where id = v_row.interaction_id for key share;
  perform from public.interaction_pulse where interaction_id = v_row.interaction_id for key share;
  v_lives := found;
  if v_row.held_until is not null then
    perform private.settle_held_permissions(p_id);
  end if;
  select * into v_row from public.tool_permissions where id = p_id for no key update;
  if v_row.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif v_row.status <> 'allowed' then
    raise exception 'the tool permission is %, do not run the tool', v_row.status using errcode = 'FW409';
  elsif v_row.executed_at is not null then
    raise exception 'the execution is already claimed, do not run the tool again' using errcode = 'FW409';
  elsif v_row.arguments_digest is distinct from p_arguments_digest then
    raise exception 'these are not the arguments that were allowed, do not run the tool' using errcode = 'FW409';
  elsif not v_lives then
    raise exception 'the interaction has ended, do not run the tool' using errcode = 'FW409';
  end if;
  -- Whether it comes in time is the guard's to judge, at the moment that it stores.
  update public.tool_permissions set execution_id = pg_catalog.gen_random_uuid(), executed_at = pg_catalog.clock_timestamp()
  where id = p_id returning * into v_row;
  return v_row.execution_id;
end $$;

create or replace function private.look_at_decision(p_claims text, p_id uuid) returns setof public.tool_permissions
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.tool_permissions;
begin
  perform pg_catalog.set_config('role', 'agent_runtime', true), pg_catalog.set_config('request.jwt.claims', p_claims, true);
  select * into v_row from public.tool_permissions t where t.id = p_id;
  if v_row.held_until <= pg_catalog.clock_timestamp() and private.settle_held_permissions(p_id) > 0 then
    select * into v_row from public.tool_permissions t where t.id = p_id;
  end if;
  if v_row.id is not null then
    return next v_row;
  end if;
end $$;

-- The whole card of one request, however it stands, for the reply to a decision.
create function private.answered_cards(p_ids uuid[]) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
begin
  if p_ids = '{}' then
    return '[]';
  end if;
  return (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(d) order by d.responded_at desc), '[]')
    from (
      select t.id, t.tool_name, t.arguments::text as arguments, t.status, t.reason, t.responded_by_name, t.responded_at,
        t.executed_at, a.name as agent_name
      from public.tool_permissions t join public.agents a on a.id = t.agent_id
      where t.id = any (p_ids)) d);
end $$;
comment on function private.answered_cards(uuid[]) is
  'Answered tool permissions with what their lines show, the newest first, through the reader''s own row-level security.';
revoke all on function private.answered_cards(uuid[]) from public;
grant execute on function private.answered_cards(uuid[]) to authenticated;

create or replace function private.answered_permissions(p_supervisor_ids uuid[]) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_since timestamptz := pg_catalog.now() - interval '10 minutes';
begin
  if p_supervisor_ids is null then
    return private.answered_cards(array(select t.id from public.tool_permissions t
      where t.status <> 'pending' and t.rule is null and t.responded_at > v_since
      order by t.responded_at desc limit 5));
  end if;
  return private.answered_cards(array(select t.id from public.tool_permissions t
    where t.status <> 'pending' and t.rule is null and t.responded_at > v_since and t.supervisor_id = any (p_supervisor_ids)
    order by t.responded_at desc limit 5));
end $$;

create function private.permission_card(p_id uuid) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case t.status when 'pending' then private.permission_cards(array[t.id]) else private.answered_cards(array[t.id]) end -> 0
  from public.tool_permissions t where t.id = p_id
$$;
comment on function private.permission_card(uuid) is 'What the card of this tool permission shows as it stands; none when it is not the reader''s.';
revoke all on function private.permission_card(uuid) from public;
grant execute on function private.permission_card(uuid) to authenticated;

create function private.decide_v2(p_claims text, p_id uuid, p_status text, p_reason text, p_arguments_digest text, p_for_interaction boolean)
returns table (won boolean, expired boolean, card jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  won := not p_for_interaction or not exists (
    select from public.tool_permissions t join public.agent_tools g on (g.agent_id, g.tool_name) = (t.agent_id, t.tool_name)
    where t.id = p_id and g.undo_seconds > 0);
  if won then
    perform from public.decide_tool_permission(p_id, p_status, p_reason, p_arguments_digest);
    won := found;
  end if;
  if won and p_for_interaction then
    perform public.grant_tool(p_id);
  end if;
  card := private.permission_card(p_id);
  expired := card ->> 'status' = 'pending' and card ->> 'held_until' is null
    and (card ->> 'expires_at')::timestamptz <= pg_catalog.clock_timestamp();
  return next;
end $$;
comment on function private.decide_v2(text, uuid, text, text, text, boolean) is
  'A person''s decision, for the rest of the interaction or once, and the card that follows it; won is false when it was decided before, has expired (which nobody may have marked yet) or has other arguments, or when it is for the rest of the interaction and can be taken back. Whose claims these are sees and decides only what is theirs: FW404, FW422 as decide_tool_permission.';
revoke all on function private.decide_v2(text, uuid, text, text, text, boolean) from public;
grant execute on function private.decide_v2(text, uuid, text, text, text, boolean) to floorwalker_web;

create function private.take_back(p_claims text, p_id uuid) returns table (won boolean, card jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  perform from public.take_back_tool_permission(p_id);
  won := found;
  card := private.permission_card(p_id);
  return next;
end $$;
comment on function private.take_back(text, uuid) is
  'Takes back the allow that this person has given, while it is held, and the card that follows; won is false when there is nothing of theirs to take back. FW404 when they may not see it.';
revoke all on function private.take_back(text, uuid) from public;
grant execute on function private.take_back(text, uuid) to floorwalker_web;

-- For web processes of the last release, whose pages send no digest and know no allow that is held: it goes with the next.
create or replace function private.decide(p_claims text, p_id uuid, p_status text, p_reason text, p_for_interaction boolean)
returns table (won boolean, id uuid, tool_name text, status text, reason text, responded_by_name text,
  responded_at timestamptz, expires_at timestamptz, executed_at timestamptz, agent_name text)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  if p_status = 'allowed' and exists (
    select from public.tool_permissions t join public.agent_tools g on (g.agent_id, g.tool_name) = (t.agent_id, t.tool_name)
    where t.id = p_id and g.undo_seconds > 0) then
    raise exception 'this tool has undo_seconds, which this version does not know: restart the server with the new one' using errcode = 'FW409';
  end if;
  perform from public.decide_tool_permission(p_id, p_status, p_reason,
    coalesce((select t.arguments_digest from public.tool_permissions t where t.id = p_id), ''));
  won := found;
  if won and p_for_interaction then
    perform public.grant_tool(p_id);
  end if;
  return query
  select won, t.id, t.tool_name, t.status, t.reason, t.responded_by_name, t.responded_at, t.expires_at, t.executed_at, a.name
  from public.tool_permissions t join public.agents a on a.id = t.agent_id where t.id = p_id;
end $$;

create or replace function public.grant_tool(p_permission_id uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_permission public.tool_permissions;
begin
  -- Whoever moves or deletes the interaction at this moment comes first.
  perform from public.interactions
  where id = (select interaction_id from public.tool_permissions where id = p_permission_id) for key share;
  select * into v_permission from public.tool_permissions
  where id = p_permission_id and supervisor_id = any (array(select private.visible_supervisors()));
  if v_permission.id is null then
    raise exception 'there is no such tool permission' using errcode = 'FW404';
  elsif exists (select from public.agent_tools g where (g.agent_id, g.tool_name) = (v_permission.agent_id, v_permission.tool_name)
      and g.undo_seconds > 0) then
    raise exception '% has undo_seconds: allow each request on its own', v_permission.tool_name using errcode = 'FW409';
  end if;
  if v_permission.status = 'allowed' and v_permission.responded_by = private.viewer_id() then
    insert into public.tool_grants (interaction_id, supervisor_id, tool_name, granted_by, granted_by_name)
    values (v_permission.interaction_id, v_permission.supervisor_id, v_permission.tool_name,
      v_permission.responded_by, v_permission.responded_by_name)
    on conflict on constraint tool_grants_once do nothing;
  elsif not exists (select from public.tool_grants g
    where (g.interaction_id, g.tool_name) = (v_permission.interaction_id, v_permission.tool_name)) then
    raise exception 'only who allowed a tool can allow it for the rest of the interaction' using errcode = 'FW409';
  end if;
end $$;

create or replace function private.wallboard(p_arguments jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_sentiment text := p_arguments ->> 'sentiment';
  v_seen_before timestamptz := case when p_arguments ->> 'stale' is not null then pg_catalog.clock_timestamp()
    - pg_catalog.make_interval(secs => private.setting('stale_seconds')) end;
  v_chosen uuid[] := private.chosen_supervisors(p_arguments);
begin
  if v_sentiment not in ('good', 'neutral', 'critical') then
    raise exception 'unknown sentiment %: good, neutral or critical', v_sentiment using errcode = 'FW422';
  end if;
  return (
    with live as materialized (
      select p.interaction_id, p.agent_id, p.supervisor_id, p.started_at, p.last_seen_at, p.sentiment, p.satisfaction_score
      from public.interaction_pulse p
    ), matching as materialized (
      select l.*, case l.sentiment when 'critical' then 0 when 'neutral' then 1 when 'good' then 2 else 3 end as badness
      from live l
      where (v_chosen is null or l.supervisor_id in (select pg_catalog.unnest(v_chosen)))
        and (v_sentiment is null or l.sentiment = v_sentiment)
        and (v_seen_before is null or l.last_seen_at < v_seen_before)
    ), worst as materialized (
      select m.*, pg_catalog.row_number() over () as place from (
        select * from matching
        order by badness, satisfaction_score nulls last, started_at, interaction_id limit 60) m
    )
    select pg_catalog.jsonb_build_object(
      'numbers', (select pg_catalog.jsonb_build_object(
        'active', pg_catalog.count(*),
        'critical', pg_catalog.count(*) filter (where sentiment = 'critical'),
        'satisfaction', pg_catalog.round(pg_catalog.avg(satisfaction_score)),
        'agents', (select coalesce(pg_catalog.jsonb_object_agg(g.status, g.n), '{}') from (
          select status, pg_catalog.count(*) as n from public.agents where retired_at is null group by status) g))
        || (select pg_catalog.jsonb_build_object('pending', pg_catalog.count(*), 'oldest_pending', pg_catalog.min(requested_at))
            from public.tool_permissions where status = 'pending' and held_until is null) from live),
      'interactions', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
          'id', w.interaction_id, 'agent_name', a.name, 'username', u.username, 'interaction_type', a.agent_type,
          'started_at', w.started_at, 'phone_number', p.phone_number, 'last_seen_at', w.last_seen_at,
          'sentiment', w.sentiment, 'satisfaction_score', w.satisfaction_score, 'feed', p.feed -> 0) order by w.place), '[]')
        from worst w
        join public.interaction_pulse p on p.interaction_id = w.interaction_id
        join public.agents a on a.id = w.agent_id
        join public.users u on u.id = w.supervisor_id),
      'matching', (select pg_catalog.count(*) from matching),
      'supervisors', (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(v) order by v.critical desc, v.active desc, v.username), '[]') from (
        select u.username, t.active, t.critical
        from (select supervisor_id, pg_catalog.count(*) as active, pg_catalog.count(*) filter (where sentiment = 'critical') as critical
              from live group by supervisor_id) t
        join public.users u on u.id = t.supervisor_id
        order by t.critical desc, t.active desc, u.username limit 24) v)));
end $$;

create or replace function private.reap_interactions() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_silence interval := pg_catalog.make_interval(secs => private.setting('reap_seconds'));
  v_before timestamptz := pg_catalog.clock_timestamp() - v_silence;
  v_id uuid;
  v_count integer := 0;
begin
  for v_id in
    -- What else is heard from an interaction is heard in its pulse, metrics above all; asking for a tool counts too.
    select p.interaction_id from public.interaction_pulse p
    where p.last_seen_at < v_before
      and not exists (select from public.tool_permissions t where t.interaction_id = p.interaction_id
        and (t.status = 'pending' or t.responded_at > v_before))
    order by p.last_seen_at limit 50
  loop
    -- In the order in which an interaction ends: itself, then its pulse; heard of meanwhile, it lives.
    perform from public.interactions where id = v_id and status = 'active' for no key update skip locked;
    continue when not found;
    perform from public.interaction_pulse where interaction_id = v_id and last_seen_at < v_before for update;
    continue when not found;
    -- Nothing can be asked once the pulse is locked; what was asked until then is seen only now.
    v_before := pg_catalog.clock_timestamp() - v_silence;
    continue when exists (select from public.tool_permissions t where t.interaction_id = v_id
      and (t.status = 'pending' or t.responded_at > v_before));
    update public.interactions set status = 'failed' where id = v_id;
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;

-- What was answered a moment ago stays on the page of its interaction, too.
create or replace function private.interaction(p_arguments jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_interaction uuid := private.id_argument(p_arguments, 'interaction_id');
  v_supervisor uuid := case when p_arguments ? 'supervisor_id' then private.id_argument(p_arguments, 'supervisor_id') end;
begin
  return (
    select pg_catalog.jsonb_build_object(
      'interaction', pg_catalog.jsonb_build_object('id', i.id, 'status', i.status, 'interaction_type', i.interaction_type,
        'phone_number', i.phone_number, 'started_at', i.started_at, 'ended_at', i.ended_at,
        'duration_seconds', i.duration_seconds, 'livekit_room_id', i.livekit_room_id, 'agent_name', a.name,
        'username', u.username, 'last_seen_at', p.last_seen_at, 'sentiment', p.sentiment,
        'satisfaction_score', p.satisfaction_score),
      'scores', coalesce(
        (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
            extract(epoch from m.timestamp - i.started_at)::integer, m.satisfaction_score, m.sentiment) order by m.timestamp)
         from (select r.timestamp, r.satisfaction_score, r.sentiment from public.realtime_metrics r
               where r.interaction_id = i.id and r.satisfaction_score is not null order by r.timestamp desc limit 720) m),
        r.series, i.series, '[]'),
      'timeline', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(e) order by e.at, e.place), '[]') from (
          select * from (
            (select t.captured_at as at, 0 as place, t.speaker as kind, t.text, null::text as who, null::text as status
             from public.interaction_turns t where t.interaction_id = i.id order by t.captured_at desc limit 300)
            union all
            -- The feed is a summary of what was said: it stands where there is no transcript.
            (select m.timestamp, 0, 'feed', m.feed_text, null, m.sentiment
             from public.realtime_metrics m where m.interaction_id = i.id and m.feed_text <> ''
               and not exists (select from public.interaction_turns t where t.interaction_id = i.id)
             order by m.timestamp desc limit 300)
            union all
            select q.requested_at, 1, 'request', q.tool_name || ' ' || case when pg_catalog.length(q.arguments::text) > 2000
                then pg_catalog.left(q.arguments::text, 2000) || '…' else q.arguments::text end, null, null
            from public.tool_permissions q where q.interaction_id = i.id
            union all
            select q.responded_at, 2, 'decision', q.tool_name || coalesce(': ' || q.reason, ''), coalesce(q.responded_by_name, q.rule), q.status
            from public.tool_permissions q where q.interaction_id = i.id and q.status <> 'pending'
            union all
            select q.executed_at, 3, 'execution', q.tool_name, null,
              case q.execution_succeeded when true then 'succeeded' when false then 'failed' else 'started' end
            from public.tool_permissions q where q.interaction_id = i.id and q.executed_at is not null
          ) everything order by at desc, place desc limit 300
        ) e),
      'tool_permissions', private.permission_cards(array(
        select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status = 'pending'
        order by w.requested_at, w.id limit 50)),
      'answered', private.answered_cards(array(
        select w.id from public.tool_permissions w where w.interaction_id = i.id and w.status <> 'pending' and w.rule is null
          and w.responded_at > pg_catalog.now() - interval '10 minutes' order by w.responded_at desc limit 5)),
      'archive', case when r.id is not null then pg_catalog.jsonb_build_object('summary', r.summary, 'issues', r.issues,
        'tags', r.tags, 'csat_score', r.csat_score, 'resolution_time_seconds', r.resolution_time_seconds,
        'fcr_status', r.fcr_status, 'created_at', r.created_at) end,
      'broken_by', (
        select later.id from public.interactions later
        join public.interaction_archives b on b.interaction_id = later.id
        where r.fcr_status = false and later.phone_number = i.phone_number and later.started_at > i.started_at
          and later.started_at <= i.started_at + interval '3 days'
          and private.issue_tags(b.tags) && private.issue_tags(r.tags)
        order by later.started_at limit 1))
    from public.interactions i
    join public.agents a on a.id = i.agent_id
    join public.users u on u.id = i.supervisor_id
    left join public.interaction_pulse p on p.interaction_id = i.id
    left join public.interaction_archives r on r.interaction_id = i.id
    where i.id = v_interaction and (v_supervisor is null or i.supervisor_id = v_supervisor));
end $$;
