-- A grant says what it covers: the same arguments, one number up to a limit with all other arguments the same, or any
-- arguments; how often and how long; and it can be revoked. Before, it let everything pass until the interaction ended, and
-- no page showed it. Grants of that kind end here.

-- squawk-ignore-file adding-field-with-default, adding-foreign-key-constraint, ban-drop-default, ban-drop-constraint, constraint-missing-not-valid, require-concurrent-index-creation
-- Grants are few rows, and the new columns of tool_permissions are empty: a moment each.

alter table public.tool_grants
  add column permission_id uuid,
  add column scope text not null default 'any' constraint tool_grants_scope check (scope in ('exact', 'limit', 'any')),
  add column limit_argument text,
  add column each_limit numeric constraint tool_grants_each_limit check (each_limit between 0 and 1e15),
  add column sum_limit numeric constraint tool_grants_sum_limit check (sum_limit between 0 and 1e15),
  add column freed text[] not null default '{}',
  add column max_uses integer not null default 1 constraint tool_grants_max_uses check (max_uses >= 1),
  add column uses integer not null default 0,
  add column used_sum numeric not null default 0,
  add column expires_at timestamptz not null default pg_catalog.now(),
  add column ended_at timestamptz,
  add column ended_how text constraint tool_grants_ended_how check (ended_how in ('used_up', 'expired', 'revoked', 'replaced', 'lapsed', 'updated')),
  add column ended_by uuid,
  add column ended_by_name text;
update public.tool_grants g set ended_at = pg_catalog.now(), ended_how = 'updated', uses = n.uses, max_uses = greatest(n.uses, 1)
from (select o.id, (select pg_catalog.count(*)::integer from public.tool_permissions t
  where t.interaction_id = o.interaction_id and t.tool_name = o.tool_name and t.rule = 'grant') as uses from public.tool_grants o) n
where n.id = g.id;
alter table public.tool_grants
  alter column scope drop default, alter column max_uses drop default, alter column expires_at drop default,
  drop constraint tool_grants_once,
  add constraint tool_grants_limit check ((scope = 'limit') = (limit_argument is not null)
    and (limit_argument is null) = (each_limit is null) and (limit_argument is null) = (sum_limit is null)
    and (scope = 'limit' or freed = '{}')),
  add constraint tool_grants_uses check (uses between 0 and max_uses),
  add constraint tool_grants_used_sum check (used_sum between 0 and coalesce(sum_limit, 0)),
  add constraint tool_grants_ended check ((ended_at is null) = (ended_how is null) and (ended_by is null) = (ended_by_name is null)
    and (uses < max_uses or ended_at is not null)),
  add constraint tool_grants_ended_by foreign key (ended_by) references public.users (id) on delete restrict;
comment on table public.tool_grants is
  'A standing approval of one tool in one interaction: what it covers, how often, until when. It ends with the interaction, since nothing can be asked after.';
comment on column public.tool_grants.permission_id is 'The request that was allowed with it; its arguments are those that others are compared with. None: of the old kind.';
comment on column public.tool_grants.scope is
  'exact: the same arguments (digest). limit: limit_argument is a plain number from 0 to each_limit, and all other arguments are the same but for those in freed. any: whatever the arguments.';
comment on column public.tool_grants.sum_limit is 'What limit_argument may come to in all uses.';
comment on column public.tool_grants.freed is 'Names of arguments that may differ, be missing or be added.';
comment on column public.tool_grants.ended_how is 'used_up, expired, revoked, replaced by another grant of the same tool, lapsed: its giver may not decide for this agent any more; or updated: of the old kind, which ended with the update.';
create unique index tool_grants_live on public.tool_grants (interaction_id, tool_name) where ended_at is null;
create index tool_grants_expiry on public.tool_grants (expires_at) where ended_at is null;
create index tool_grants_ended_by on public.tool_grants (ended_by) where ended_by is not null;
create index tool_grants_permission on public.tool_grants (permission_id);

alter table public.tool_permissions add column grant_id uuid, add column grant_use integer;
alter table public.tool_permissions
  add constraint tool_permissions_grant foreign key (grant_id) references public.tool_grants (id),
  add constraint tool_permissions_grant_use check ((grant_id is null) = (grant_use is null) and (grant_id is null or rule = 'grant'));
create unique index tool_permissions_use_of_grant on public.tool_permissions (grant_id, grant_use) where grant_id is not null;
comment on column public.tool_permissions.grant_id is 'The grant that allowed it.';
comment on column public.tool_permissions.grant_use is 'Which use of that grant it is: 1, 2, …';
alter table public.tool_grants add constraint tool_grants_permission foreign key (permission_id) references public.tool_permissions (id);

drop trigger tool_grants_70_audit on public.tool_grants;
create trigger tool_grants_70_audit after insert or update of ended_at or delete on public.tool_grants for each row
  execute function private.audit('tool_name', 'granted_by_name', 'scope', 'limit_argument', 'each_limit', 'sum_limit', 'freed', 'max_uses', 'expires_at',
    'ended_how', 'ended_by_name');

-- What a page shows of an interaction's grants stands in its pulse: read with what is read anyway, and an agent's card whose
-- grants changed has another mark. Agents do not read it: who knows a limit asks for just that much.
alter table public.interaction_pulse add column grants jsonb;
comment on column public.interaction_pulse.grants is 'The grants that have not ended, as pages show them; kept by tool_grants.';
revoke select on public.interaction_pulse from agent_runtime;
grant select (interaction_id, agent_id, supervisor_id, last_seen_at, captured_at, sentiment, satisfaction_score, scores, feed, started_at, phone_number)
  on public.interaction_pulse to agent_runtime;

create function private.grant_words(p_grant public.tool_grants) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select pg_catalog.left(case p_grant.scope
    when 'exact' then 'the same arguments'
    when 'limit' then p_grant.limit_argument || ' up to ' || p_grant.each_limit || ', ' || p_grant.sum_limit || ' in all'
      || case when p_grant.freed = '{}' then '' else '; ' || pg_catalog.array_to_string(p_grant.freed, ', ') || ' may differ' end
    else 'any arguments' end, 300)
$$;
comment on function private.grant_words(public.tool_grants) is 'What a grant covers, in at most 300 characters.';
revoke all on function private.grant_words(public.tool_grants) from public;
grant execute on function private.grant_words(public.tool_grants) to authenticated;

create function private.show_grants() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update public.interaction_pulse p set grants = (
    select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', g.id, 'tool_name', g.tool_name, 'words', private.grant_words(g),
      'uses', g.uses, 'max_uses', g.max_uses, 'used_sum', g.used_sum, 'expires_at', g.expires_at, 'granted_by_name', g.granted_by_name) order by g.created_at, g.id)
    from public.tool_grants g where g.interaction_id = p.interaction_id and g.ended_at is null)
  where p.interaction_id = new.interaction_id;
  perform pg_catalog.pg_notify('floor', 'tool_permissions:' || new.supervisor_id);
  return null;
end $$;
comment on function private.show_grants() is 'Trigger: the pulse of the interaction shows its grants, and pages that show the interaction read it again.';
revoke all on function private.show_grants() from public;
create trigger tool_grants_50_show after insert or update of uses, ended_at, supervisor_id on public.tool_grants
  for each row execute function private.show_grants();

create function private.lapse_grant() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if new.ended_at is null and new.granted_by <> new.supervisor_id
     and not exists (select from public.users where id = new.granted_by and role = 'admin') then
    new.ended_at := pg_catalog.clock_timestamp();
    new.ended_how := 'lapsed';
  end if;
  return new;
end $$;
comment on function private.lapse_grant() is 'Trigger: the agent has moved to another supervisor, and a grant of the one before ends.';
revoke all on function private.lapse_grant() from public;
create trigger tool_grants_10_lapse before update of supervisor_id on public.tool_grants
  for each row when (old.supervisor_id <> new.supervisor_id) execute function private.lapse_grant();

create function private.lapse_grants_of() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform private.end_grant(g.id, 'lapsed', null, null)
  from (select id from public.tool_grants where granted_by = new.id and ended_at is null order by interaction_id, id) g;
  return null;
end $$;
comment on function private.lapse_grants_of() is 'Trigger: somebody may decide nothing any more, and their grants end.';
revoke all on function private.lapse_grants_of() from public;
create trigger users_30_lapse_grants after update of deactivated_at, banned_until, role on public.users
  for each row when (new.deactivated_at is not null or new.role is distinct from old.role or new.banned_until > pg_catalog.now())
  execute function private.lapse_grants_of();

create function private.plain_amount(p_arguments json, p_name text) returns numeric
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case when pg_catalog.count(*) = pg_catalog.count(distinct e.key)
      and pg_catalog.max(e.value::text) filter (where e.key = p_name) ~ '^[0-9]{1,15}(\.[0-9]{1,6})?$'
    then (pg_catalog.max(e.value::text) filter (where e.key = p_name))::numeric end
  from pg_catalog.json_each(p_arguments) e
$$;
comment on function private.plain_amount(json, text) is
  'The argument of this name, when it is a JSON number written with digits and a point alone, and no name comes twice; else null. No text, sign or exponent.';
revoke all on function private.plain_amount(json, text) from public;

create function private.covered_amount(p_grant public.tool_grants, p_asked public.tool_permissions, p_undo_seconds integer) returns numeric
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_first public.tool_permissions;
  v_amount numeric;
begin
  if p_grant.ended_at is not null or p_grant.expires_at <= p_asked.requested_at
     or not exists (select from public.users u where u.id = p_grant.granted_by and u.deactivated_at is null
       and (u.banned_until is null or u.banned_until <= p_asked.requested_at) and (u.role = 'admin' or u.id = p_asked.supervisor_id)) then
    return null;
  elsif p_grant.scope = 'any' then
    return case when p_undo_seconds = 0 then 0 end;
  end if;
  select * into v_first from public.tool_permissions where id = p_grant.permission_id;
  if p_grant.scope = 'exact' then
    return case when v_first.arguments_digest = p_asked.arguments_digest then 0 end;
  end if;
  v_amount := private.plain_amount(p_asked.arguments, p_grant.limit_argument);
  if v_amount is null or v_amount > p_grant.each_limit or p_grant.used_sum + v_amount > p_grant.sum_limit or exists (
    select from (select key, value::text from pg_catalog.json_each(p_asked.arguments)) a
    full join (select key, value::text from pg_catalog.json_each(v_first.arguments)) f using (key)
    where a.value is distinct from f.value and key <> p_grant.limit_argument and key <> all (p_grant.freed)) then
    return null;
  end if;
  return v_amount;
exception when data_exception then  -- a name that PostgreSQL cannot read, as one with U+0000
  return null;
end $$;
comment on function private.covered_amount(public.tool_grants, public.tool_permissions, integer) is
  'What this request adds to the sum of the grant (0 without a limit), or null when the grant does not cover it: also when its giver could not decide the request themselves any more.';
revoke all on function private.covered_amount(public.tool_grants, public.tool_permissions, integer) from public;

create or replace function private.open_tool_permission() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_pulse public.interaction_pulse;
  v_tool public.agent_tools;
  v_grant public.tool_grants;
  v_amount numeric;
  v_most integer;
begin
  -- Of two requests of an agent that come at once, the second counts the first. Before all other locks, as everybody who
  -- asks takes them in one order.
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('pending of ' || i.agent_id::text, 0))
  from public.interactions i where i.id = new.interaction_id;
  -- The locks make us queue with the move of the interaction, and with its end, which cancels what is pending.
  perform from public.interactions where id = new.interaction_id for key share;
  -- A use of a grant changes the pulse, so it takes the lock for a change at once. A transaction that takes a weak lock first
  -- and then a strong one can deadlock with another that waits for the strong lock.
  if exists (select from public.tool_grants where interaction_id = new.interaction_id and tool_name = new.tool_name and ended_at is null) then
    select * into v_pulse from public.interaction_pulse where interaction_id = new.interaction_id for no key update;
    select * into v_grant from public.tool_grants
    where interaction_id = new.interaction_id and tool_name = new.tool_name and ended_at is null for no key update;
  else
    select * into v_pulse from public.interaction_pulse where interaction_id = new.interaction_id for key share;
  end if;
  if v_pulse.interaction_id is null then
    if exists (select from public.interactions where id = new.interaction_id and not private.is_anothers(agent_id)) then
      raise exception 'the interaction has ended' using errcode = 'FW409';
    end if;
    raise exception 'there is no such interaction' using errcode = 'FW404';
  elsif private.is_anothers(v_pulse.agent_id) then
    raise exception 'there is no such interaction' using errcode = 'FW404';
  end if;
  select * into v_tool from public.agent_tools where agent_id = v_pulse.agent_id and tool_name = new.tool_name;
  new.agent_id := v_pulse.agent_id;
  new.supervisor_id := v_pulse.supervisor_id;
  new.known_tool := v_tool.id is not null;
  new.tool_description := coalesce(new.tool_description, v_tool.description);
  new.arguments_digest := pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(new.arguments::text, 'UTF8')), 'hex');
  new.requested_at := pg_catalog.clock_timestamp();
  new.expires_at := new.requested_at + pg_catalog.make_interval(secs => private.setting('permission_seconds'));
  new.status := 'pending';
  new.grant_id := null;
  new.grant_use := null;
  if v_tool.id is not null and not v_tool.requires_permission then
    new.rule := 'not_required';
  elsif v_grant.id is not null then
    v_amount := private.covered_amount(v_grant, new, coalesce(v_tool.undo_seconds, 0));
    if v_amount is not null then
      new.rule := 'grant';
      new.grant_id := v_grant.id;
      new.grant_use := v_grant.uses + 1;
      update public.tool_grants set uses = new.grant_use, used_sum = used_sum + v_amount,
        ended_at = case when new.grant_use = max_uses then new.requested_at end,
        ended_how = case when new.grant_use = max_uses then 'used_up' end
      where id = v_grant.id;
    end if;
  end if;
  if new.rule is null then
    v_most := private.setting('pending_per_agent');
    if (select pg_catalog.count(*) from (select from public.tool_permissions t
        where t.agent_id = new.agent_id and t.status = 'pending'
          and (t.held_until is not null or t.expires_at > pg_catalog.clock_timestamp()) limit v_most) p) >= v_most then
      raise exception 'the agent already has % pending requests: ask again when one is decided', v_most using errcode = 'FW429';
    end if;
    new.requested_at := pg_catalog.clock_timestamp();
    new.expires_at := new.requested_at + pg_catalog.make_interval(secs => private.setting('permission_seconds'));
  end if;
  if new.rule is not null then
    new.status := 'allowed';
    new.responded_at := new.requested_at;
    new.execute_before := new.requested_at + pg_catalog.make_interval(secs => private.setting('execute_seconds'));
  end if;
  return new;
end $$;

create function private.decide_now(p_id uuid, p_status text, p_reason text, p_arguments_digest text, p_hold boolean)
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
  -- A grant that follows refers to the interaction and changes its pulse: both before the permission, in everybody's order.
  perform from public.interactions
  where id = (select interaction_id from public.tool_permissions where id = p_id) for key share;
  if not p_hold then
    perform from public.interaction_pulse
    where interaction_id = (select interaction_id from public.tool_permissions where id = p_id) for no key update;
  end if;
  select * into v_row from public.tool_permissions
  where id = p_id and supervisor_id = any (array(select private.visible_supervisors())) for no key update;
  if v_row.id is null or v_row.status <> 'pending' or v_row.held_until is not null
     or v_row.arguments_digest <> p_arguments_digest then
    return;
  end if;
  if p_hold and p_status = 'allowed' then
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
comment on function private.decide_now(uuid, text, text, text, boolean) is
  'Decides as decide_tool_permission says; p_hold: an allow of a tool with undo_seconds is held.';
revoke all on function private.decide_now(uuid, text, text, text, boolean) from public;

create or replace function public.decide_tool_permission(p_id uuid, p_status text, p_reason text default null, p_arguments_digest text default null)
returns setof public.tool_permissions
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select * from private.decide_now(p_id, p_status, p_reason, p_arguments_digest, true)
$$;

create function public.allow_with_grant(p_id uuid, p_arguments_digest text, p_scope text, p_uses integer, p_minutes integer,
  p_argument text default null, p_each numeric default null, p_sum numeric default null, p_freed text[] default '{}', p_reason text default null)
returns setof public.tool_permissions
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.tool_permissions;
  v_freed text[] := coalesce(p_freed, '{}');
begin
  if p_scope is null or p_scope not in ('exact', 'limit', 'any') then
    raise exception 'a standing approval is for exactly these arguments, for a number up to a limit, or for any arguments: exact, limit or any' using errcode = 'FW422';
  elsif p_uses is null or p_uses not between 1 and 100 then
    raise exception 'a standing approval has 1 to 100 uses' using errcode = 'FW422';
  elsif p_minutes is null or p_minutes not between 1 and 480 then
    raise exception 'a standing approval lasts 1 to 480 minutes' using errcode = 'FW422';
  elsif p_scope = 'limit' and (p_argument is null or p_each is null or p_sum is null) then
    raise exception 'a limit has the name of an argument, the most that it may be each time, and the most that it may come to in all' using errcode = 'FW422';
  elsif pg_catalog.length(p_argument) > 200 or exists (select from pg_catalog.unnest(v_freed) f where pg_catalog.length(f) > 200) then
    raise exception 'the name of an argument with more than 200 characters is for no standing approval' using errcode = 'FW422';
  elsif p_scope = 'limit' and not (p_each between 0 and 1e15 and p_sum between 0 and 1e15) then
    raise exception 'a limit is a number from 0 to 1000000000000000' using errcode = 'FW422';
  elsif p_scope <> 'limit' and (p_argument is not null or p_each is not null or p_sum is not null or v_freed <> '{}') then
    raise exception 'only a limit has an argument and numbers' using errcode = 'FW422';
  end if;
  select * into v_row from private.decide_now(p_id, 'allowed', p_reason, p_arguments_digest, false);
  if v_row.id is null then
    return;
  end if;
  if p_scope = 'any' and exists (select from public.agent_tools g
      where (g.agent_id, g.tool_name) = (v_row.agent_id, v_row.tool_name) and g.undo_seconds > 0) then
    raise exception 'an allow of % can be taken back: a standing approval of it is never for any arguments', v_row.tool_name using errcode = 'FW422';
  elsif p_scope = 'limit' and private.plain_amount(v_row.arguments, p_argument) is null then
    raise exception 'the request has no argument % that is a plain number', p_argument using errcode = 'FW422';
  elsif p_argument = any (v_freed) or exists (select from pg_catalog.unnest(v_freed) f
      where f is null or f not in (select pg_catalog.json_object_keys(v_row.arguments))) then
    raise exception 'only other arguments of the request may differ' using errcode = 'FW422';
  end if;
  update public.tool_grants set ended_at = pg_catalog.clock_timestamp(), ended_how = 'replaced', ended_by = v_row.responded_by,
    ended_by_name = v_row.responded_by_name
  where interaction_id = v_row.interaction_id and tool_name = v_row.tool_name and ended_at is null;
  insert into public.tool_grants (interaction_id, supervisor_id, tool_name, granted_by, granted_by_name, created_at, permission_id, scope,
    limit_argument, each_limit, sum_limit, freed, max_uses, expires_at)
  values (v_row.interaction_id, v_row.supervisor_id, v_row.tool_name, v_row.responded_by, v_row.responded_by_name, v_row.responded_at, v_row.id,
    p_scope, p_argument, p_each, p_sum, v_freed, p_uses, v_row.responded_at + pg_catalog.make_interval(mins => p_minutes));
  return next v_row;
end $$;
comment on function public.allow_with_grant(uuid, text, text, integer, integer, text, numeric, numeric, text[], text) is
  'Allows the request with these arguments at once, and gives a standing approval of its tool in its interaction: so many uses after this one, for so many minutes, in the scope that tool_grants.scope explains; it replaces another one of the tool. The row, or none when nothing was decided, as with decide_tool_permission. FW404, FW422 in words.';
revoke all on function public.allow_with_grant(uuid, text, text, integer, integer, text, numeric, numeric, text[], text) from public;
grant execute on function public.allow_with_grant(uuid, text, text, integer, integer, text, numeric, numeric, text[], text) to authenticated;

create function private.end_grant(p_id uuid, p_how text, p_by uuid, p_by_name text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_interaction uuid := (select interaction_id from public.tool_grants where id = p_id);
  v_done boolean;
begin
  -- In everybody's order: the interaction, its pulse, then the grant.
  perform from public.interactions where id = v_interaction for key share;
  perform from public.interaction_pulse where interaction_id = v_interaction for no key update;
  update public.tool_grants set ended_at = pg_catalog.clock_timestamp(), ended_how = p_how, ended_by = p_by, ended_by_name = p_by_name
  where id = p_id and ended_at is null;
  v_done := found;
  return v_done;
end $$;
comment on function private.end_grant(uuid, text, uuid, text) is 'Ends a grant; false when it had ended.';
revoke all on function private.end_grant(uuid, text, uuid, text) from public;

create function public.revoke_grant(p_id uuid) returns setof public.tool_grants
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform from public.tool_grants where id = p_id and supervisor_id = any (array(select private.visible_supervisors()));
  if not found then
    raise exception 'there is no such standing approval' using errcode = 'FW404';
  end if;
  perform private.end_grant(p_id, 'revoked', u.id, coalesce(u.username, u.name)) from public.users u where u.id = private.viewer_id();
  return query select * from public.tool_grants where id = p_id;
end $$;
comment on function public.revoke_grant(uuid) is
  'Ends a standing approval that the viewer may see; the row as it stands, which says how it ended when it had ended before. FW404 when it is not theirs.';
revoke all on function public.revoke_grant(uuid) from public;
grant execute on function public.revoke_grant(uuid) to authenticated;

create function private.end_expired_grants() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_id uuid;
  v_interaction uuid;
  v_count integer := 0;
begin
  for v_id, v_interaction in
    select id, interaction_id from public.tool_grants where ended_at is null and expires_at <= pg_catalog.clock_timestamp()
    order by interaction_id, id limit 100
  loop
    -- Do not wait for a transaction that has locked the interaction: waiting with many locks can deadlock, and the next round
    -- comes within a second.
    perform from public.interactions where id = v_interaction for key share skip locked;
    continue when not found;
    perform from public.interaction_pulse where interaction_id = v_interaction for no key update skip locked;
    continue when not found and exists (select from public.interaction_pulse where interaction_id = v_interaction);
    if private.end_grant(v_id, 'expired', null, null) then
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end $$;
comment on function private.end_expired_grants() is 'Ends at most 100 grants whose time is over, so that pages do not show them; how many. Nobody can use them anyway.';
revoke all on function private.end_expired_grants() from public;

create or replace function private.expire_tool_permissions() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_settled integer;
  v_count integer;
begin
  -- Grants first: interactions and their pulses are locked before requests, by everybody.
  v_settled := private.end_expired_grants() + private.settle_held_permissions();
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

create or replace function private.decide_v2(p_claims text, p_id uuid, p_status text, p_reason text, p_arguments_digest text, p_for_interaction boolean)
returns table (won boolean, expired boolean, card jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  if p_for_interaction then
    raise exception 'a standing approval says what it covers, which this version does not know: restart the server with the new one' using errcode = 'FW409';
  end if;
  perform from public.decide_tool_permission(p_id, p_status, p_reason, p_arguments_digest);
  won := found;
  card := private.permission_card(p_id);
  expired := card ->> 'status' = 'pending' and card ->> 'held_until' is null
    and (card ->> 'expires_at')::timestamptz <= pg_catalog.clock_timestamp();
  return next;
end $$;
comment on function private.decide_v2(text, uuid, text, text, text, boolean) is
  'A person''s decision, and the card that follows it; won is false when it was decided before, has expired (which nobody may have marked yet) or has other arguments. Whose claims these are sees and decides only what is theirs: FW404, FW422 as decide_tool_permission; FW409 for the rest of the interaction, as the last release asks it.';

create function private.allow_with_grant(p_claims text, p_id uuid, p_arguments_digest text, p_scope text, p_uses integer, p_minutes integer,
  p_argument text, p_each numeric, p_sum numeric, p_freed text[])
returns table (won boolean, expired boolean, card jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_catalog.set_config('role', 'authenticated', true), pg_catalog.set_config('request.jwt.claims', p_claims, true),
    pg_catalog.set_config('lock_timeout', '5s', true);
  perform from public.allow_with_grant(p_id, p_arguments_digest, p_scope, p_uses, p_minutes, p_argument, p_each, p_sum, p_freed);
  won := found;
  card := private.permission_card(p_id);
  expired := card ->> 'status' = 'pending' and card ->> 'held_until' is null
    and (card ->> 'expires_at')::timestamptz <= pg_catalog.clock_timestamp();
  return next;
end $$;
comment on function private.allow_with_grant(text, uuid, text, text, integer, integer, text, numeric, numeric, text[]) is
  'public.allow_with_grant for whose claims these are, and the card that follows it, as decide_v2.';
revoke all on function private.allow_with_grant(text, uuid, text, text, integer, integer, text, numeric, numeric, text[]) from public;
grant execute on function private.allow_with_grant(text, uuid, text, text, integer, integer, text, numeric, numeric, text[]) to floorwalker_web;

-- squawk-ignore ban-drop-function -- no web process of the last release calls it
drop function private.decide(text, uuid, text, text, boolean);
-- squawk-ignore ban-drop-function -- allow_with_grant takes its place, and says what is granted
drop function public.grant_tool(uuid);

create or replace function private.floor(p_arguments jsonb) returns json
language plpgsql stable set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
  v_supervisor uuid := private.id_argument(p_arguments, 'supervisor_id');
  v_known jsonb := p_arguments -> 'known';
  v_asked uuid[];
  v_pending json;
  v_answered json;
  v_more bigint := 0;
begin
  if p_arguments -> 'urgent' is distinct from 'false' or v_known ->> 'asked' is distinct from 'nothing' then
    select w.ids, w.more into v_asked, v_more from private.waiting_in_turn(array[v_supervisor], 50) w;
    v_asked := coalesce(v_asked, '{}') || array(
      select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status <> 'pending'
        and t.rule is null and t.responded_at > pg_catalog.now() - interval '10 minutes'
        order by t.responded_at desc limit 5);
  end if;
  if v_asked <> '{}' then
    select
      pg_catalog.json_agg(pg_catalog.json_build_object(
        'id', t.id, 'tool_name', t.tool_name, 'tool_description', t.tool_description, 'owner_description', g.description, 'arguments', t.arguments::text,
        'arguments_digest', t.arguments_digest, 'known_tool', t.known_tool, 'status', t.status, 'requested_at', t.requested_at,
        'expires_at', t.expires_at, 'held_by', t.held_by, 'held_by_name', t.held_by_name, 'held_until', t.held_until,
        'times_held', t.times_held, 'undo_seconds', g.undo_seconds,
        'interaction_id', t.interaction_id, 'agent_id', t.agent_id, 'agent_name', a.name, 'interaction_type', a.agent_type,
        'phone_number', p.phone_number, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
        'feed', coalesce(p.feed, '[]')) order by pg_catalog.array_position(v_asked, t.id)) filter (where t.status = 'pending'),
      pg_catalog.json_agg(pg_catalog.json_build_object(
        'id', t.id, 'tool_name', t.tool_name, 'arguments', t.arguments::text, 'status', t.status, 'reason', t.reason,
        'responded_by_name', t.responded_by_name, 'responded_at', t.responded_at, 'executed_at', t.executed_at,
        'agent_name', a.name) order by t.responded_at desc) filter (where t.status <> 'pending')
    into v_pending, v_answered
    from public.tool_permissions t
    join public.agents a on a.id = t.agent_id
    left join public.agent_tools g on (g.agent_id, g.tool_name) = (t.agent_id, t.tool_name)
    left join public.interaction_pulse p on p.interaction_id = t.interaction_id
    where t.id = any (v_asked);
  end if;
  return pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(
        case when r.mark = v_known ->> a.id::text then pg_catalog.json_build_object('id', a.id, 'mark', r.mark)
        else pg_catalog.json_build_object(
          'id', a.id, 'mark', r.mark, 'name', a.name, 'agent_type', a.agent_type, 'status', a.status, 'paused_at', a.paused_at,
          'interaction', case when p.interaction_id is not null then pg_catalog.json_build_object(
            'id', p.interaction_id, 'started_at', p.started_at, 'phone_number', p.phone_number,
            'last_seen_at', p.last_seen_at, 'sentiment', p.sentiment, 'satisfaction_score', p.satisfaction_score,
            'scores', p.scores, 'feed', p.feed, 'grants', p.grants) end,
          'last', case when p.interaction_id is null then (
            select pg_catalog.json_build_object('ended_at', l.ended_at, 'status', l.status, 'csat_score', c.csat_score)
            from public.interactions l left join public.interaction_archives c on c.interaction_id = l.id
            where l.agent_id = a.id and l.status <> 'active' order by l.ended_at desc limit 1) end) end order by a.slot), '[]')
      from public.agents a
      left join public.interaction_pulse p on p.agent_id = a.id
      cross join lateral (select case when p.interaction_id is not null then a.xmin::text || ' ' || p.xmin::text end as mark) r
      where a.supervisor_id = v_supervisor and a.retired_at is null),
    'tool_permissions', coalesce(v_pending, '[]'),
    'more', v_more,
    'answered', coalesce(v_answered, '[]'));
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
          'sentiment', w.sentiment, 'satisfaction_score', w.satisfaction_score, 'feed', p.feed -> 0,
          'grants', pg_catalog.jsonb_array_length(p.grants)) order by w.place), '[]')
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
        'satisfaction_score', p.satisfaction_score, 'grants', p.grants),
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
            select q.responded_at, 2, case q.rule when 'grant' then 'use' else 'decision' end, q.tool_name || coalesce(': ' || q.reason, ''),
              coalesce(q.responded_by_name, (select g.granted_by_name from public.tool_grants g where g.id = q.grant_id), q.rule),
              case q.rule when 'grant' then q.grant_use::text else q.status end
            from public.tool_permissions q where q.interaction_id = i.id and q.status <> 'pending'
            union all
            select g.created_at, 4, 'grant', g.tool_name || ': ' || private.grant_words(g) || ', '
                || g.max_uses || case g.max_uses when 1 then ' use' else ' uses' end || ' within '
                || (extract(epoch from g.expires_at - g.created_at) / 60)::integer || ' minutes', g.granted_by_name, null
            from public.tool_grants g where g.interaction_id = i.id
            union all
            select g.ended_at, 5, 'grant_end', g.tool_name, g.ended_by_name, g.ended_how
            from public.tool_grants g where g.interaction_id = i.id and g.ended_at < coalesce(i.ended_at, 'infinity')
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
