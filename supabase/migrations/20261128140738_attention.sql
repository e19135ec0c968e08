-- Attention, measured: when a person first had a request before their eyes; and the usual amount of a tool, for a hint.

alter table public.tool_permissions add column usual_amount numeric;
comment on column public.tool_permissions.usual_amount is
  'The median amount that people allowed for this tool on this floor when the request arrived; null with fewer than ten such.';

create table public.permission_sights (
  tool_permission_id uuid not null,
  viewer_id uuid not null,
  first_seen_at timestamptz not null,
  opened_arguments boolean not null default false,
  constraint permission_sights_pkey primary key (tool_permission_id, viewer_id),
  constraint permission_sights_tool_permission_id_fkey foreign key (tool_permission_id)
    references public.tool_permissions(id) on delete cascade,
  constraint permission_sights_viewer_id_fkey foreign key (viewer_id) references public.users(id) on delete cascade
);

comment on table public.permission_sights is
  'When a person first had a waiting request open before their eyes, as their page reported it.';
comment on column public.permission_sights.opened_arguments is
  'Whether they unfolded a value, scrolled to the last one, or opened the page with all arguments.';
comment on constraint permission_sights_pkey on public.permission_sights is
  'a person sees a request for the first time once';
comment on constraint permission_sights_tool_permission_id_fkey on public.permission_sights is
  'what is seen is a request that exists';
comment on constraint permission_sights_viewer_id_fkey on public.permission_sights is
  'who sees it is a person who exists';

-- The foreign key: what a person saw, when the person is deleted.
create index permission_sights_viewer on public.permission_sights (viewer_id);

alter table public.permission_sights enable row level security;

grant select on public.permission_sights to authenticated, service_role;

create or replace function private.compare_with_last() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Chosen once, when the request arrives, so that what its card marks does not change under the eyes of the reader.
  new.compared_with := (select t.id from public.tool_permissions t
    where t.supervisor_id = new.supervisor_id and t.tool_name = new.tool_name and t.status = 'allowed'
    order by t.responded_at desc limit 1);
  new.usual_amount := private.usual_amount(new.supervisor_id, new.tool_name, new.arguments);
  return new;
end $$;
comment on function private.compare_with_last() is
  'Trigger: notes the last request for the same tool that was allowed on this floor, and the usual amount.';

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

-- The rule of the hint "so many times the usual amount": the median of what people (not rules) allowed for the same tool, argument and
-- currency on this floor in the last 90 days, of the newest two hundred; with fewer than ten there is no usual amount.
create or replace function private.usual_amount(p_supervisor_id uuid, p_tool_name text, p_arguments json) returns numeric
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_usual numeric;
begin
  select n into v_name from pg_catalog.unnest(array['amount', 'total', 'price']) with ordinality u(n, place)
  where private.plain_amount(p_arguments, n) > 0 order by place limit 1;
  if v_name is null then
    return null;
  end if;
  select case when pg_catalog.count(*) >= 10 then (pg_catalog.percentile_cont(0.5) within group (order by l.amount))::numeric end into v_usual
  from (select private.plain_amount(t.arguments, v_name) as amount, t.arguments ->> 'currency' as currency from (
    select coalesce(a.changed_arguments, a.arguments) as arguments from public.tool_permissions a
    where a.supervisor_id = p_supervisor_id and a.tool_name = p_tool_name and a.status = 'allowed' and a.rule is null
      and a.responded_at > pg_catalog.now() - interval '90 days'
    order by a.responded_at desc limit 200) t) l
  where l.amount > 0 and l.currency is not distinct from p_arguments ->> 'currency';
  return v_usual;
exception when data_exception then  -- a name or text that PostgreSQL cannot read, as one with U+0000
  return null;
end $$;
comment on function private.usual_amount(uuid, text, json) is
  'The usual amount of this tool on this floor, in the currency of these arguments; null where there is none.';

create policy permission_sights_own on public.permission_sights for select to authenticated
  using (viewer_id = (select private.viewer_id()) and (select private.viewer_role()) is not null
    or (select private.viewer_role()) = 'admin');

create or replace view private.tool_permission_cards with (security_invoker=true) as
 select t.id,
    t.tool_name,
    t.tool_description,
    g.description as owner_description,
    t.arguments::text as arguments,
    t.arguments_digest,
    t.known_tool,
    t.status,
    t.requested_at,
    t.expires_at,
    t.held_by,
    t.held_by_name,
    t.held_until,
    t.times_held,
    g.undo_seconds,
    t.interaction_id,
    t.agent_id,
    a.name as agent_name,
    a.agent_type as interaction_type,
    p.phone_number,
    p.sentiment,
    p.satisfaction_score,
    coalesce(p.feed, '[]') as feed,
    p.caller,
    coalesce(p.is_test, false) as is_test,
    coalesce(l.changed_arguments, l.arguments)::text as last_arguments,
    l.responded_at as last_allowed_at,
    p.grants,
    t.accepts_changes,
    t.usual_amount
   from public.tool_permissions t
     join public.agents a on a.id = t.agent_id
     left join public.agent_tools g on g.agent_id = t.agent_id and g.tool_name = t.tool_name
     left join public.interaction_pulse p on p.interaction_id = t.interaction_id
     left join public.tool_permissions l on l.id = t.compared_with and l.arguments::text <> '{}';
comment on view private.tool_permission_cards is
  'The card of a pending tool permission. The arguments are text, exactly as they were sent.';
grant select on private.tool_permission_cards to authenticated;
