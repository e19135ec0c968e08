-- A live page is declared once: private.pages says which function reads it, and read_audiences_v2 has no list of pages of its own.
-- The server of the release before calls read_audiences and private.floor, which stay for it.

create table private.pages (
  name text not null,
  function text not null,
  constraint pages_pkey primary key (name),
  constraint pages_function_check check (function ~ '^[a-z][a-z0-9_]{0,62}$')
);

comment on table private.pages is
  'The live pages and the function of this schema that reads each; changed by migrations only.';
comment on column private.pages.function is
  'Takes the arguments of the page as jsonb and gives json or jsonb. A name, since regprocedure would keep pg_upgrade from running.';
comment on constraint pages_pkey on private.pages is
  'a page has one function';
comment on constraint pages_function_check on private.pages is
  'the function of a page is a name of lower-case letters, digits and underscores';

alter table private.pages enable row level security;

insert into private.pages (name, function) values
  ('floor', 'floor_v2'),
  ('wallboard', 'wallboard'),
  ('waiting', 'waiting'),
  ('interaction', 'interaction');

-- Of a view that only the two functions below read.
-- squawk-ignore renaming-column
alter view private.agent_cards rename column mark to row_version;
comment on view private.agent_cards is
  'What the card of an agent in use shows: the interaction that it is in, or how the last one ended. row_version changes with what is shown.';

create function private.floor_v2(p_arguments jsonb) returns json
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
begin
  if p_arguments -> 'urgent' is distinct from 'false' or v_known ->> 'asked' is distinct from 'nothing' then
    select w.ids, w.more into v_waiting, v_more from private.waiting_in_turn(array[v_supervisor], 50) w;
    v_lately := array(
      select t.id from public.tool_permissions t where t.supervisor_id = v_supervisor and t.status <> 'pending'
        and t.rule is null and t.responded_at > pg_catalog.now() - interval '10 minutes'
        order by t.responded_at desc limit 5);
  end if;
  if v_waiting <> '{}' then
    select pg_catalog.json_agg(pg_catalog.row_to_json(c) order by pg_catalog.array_position(v_waiting, c.id)) into v_pending
    from private.tool_permission_cards c where c.id = any (v_waiting);
  end if;
  if v_lately <> '{}' then
    select pg_catalog.json_agg(pg_catalog.row_to_json(c) order by c.responded_at desc) into v_answered
    from private.decision_cards c where c.id = any (v_lately);
  end if;
  return pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(
        case when c.row_version = v_known ->> c.id::text then pg_catalog.json_build_object('id', c.id, 'row_version', c.row_version)
        else pg_catalog.row_to_json(c) end order by c.slot), '[]')
      from private.agent_cards c where c.supervisor_id = v_supervisor),
    'tool_permissions', coalesce(v_pending, '[]'),
    'more', v_more,
    'answered', coalesce(v_answered, '[]'));
end $$;
comment on function private.floor_v2(jsonb) is
  'A supervisor''s floor {supervisor_id, known: {agent''s id: row_version, asked: nothing}, urgent}, through the reader''s own row-level security; of an agent whose row_version is known only these two, and no tool permissions where it is known that there are none and urgent is false. FW422 for what is no id.';
grant execute on function private.floor_v2(jsonb) to authenticated;

create or replace function private.floor(p_arguments jsonb) returns json
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.json_build_object(
    'agents', (
      select coalesce(pg_catalog.json_agg(
        (a.value - 'row_version') || pg_catalog.jsonb_build_object('mark', a.value -> 'row_version') order by a.place), '[]')
      from pg_catalog.jsonb_array_elements((f.shown -> 'agents')::jsonb) with ordinality as a (value, place)),
    'tool_permissions', f.shown -> 'tool_permissions',
    'more', f.shown -> 'more',
    'answered', f.shown -> 'answered')
  from (select private.floor_v2(p_arguments) as shown) f
$$;
comment on function private.floor(jsonb) is
  'floor_v2 with the name mark for row_version, for the server of the release before: to be dropped with the next one.';
grant execute on function private.floor(jsonb) to authenticated;

create function private.page_functions() returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_object_agg(p.name, p.function) from private.pages p
$$;
comment on function private.page_functions() is
  'Page → the function of this schema that reads it.';
grant execute on function private.page_functions() to floorwalker_web;

create function private.read_audiences_v2(p_wanted jsonb) returns table(shown json, failure text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_functions jsonb := private.page_functions();
  v_one jsonb;
  v_function text;
begin
  if coalesce(pg_catalog.jsonb_typeof(p_wanted), 'null') <> 'array' then
    raise exception 'audiences are a list of {claims, page, arguments}' using errcode = 'FW422';
  end if;
  perform pg_catalog.set_config('role', 'authenticated', true);
  for v_one in select value from pg_catalog.jsonb_array_elements(p_wanted) loop
    shown := null;
    failure := null;
    begin
      perform pg_catalog.set_config('request.jwt.claims', v_one ->> 'claims', true);
      v_function := v_functions ->> (v_one ->> 'page');
      if v_function is null then
        raise exception 'unknown page' using errcode = 'FW404';
      end if;
      -- To plan this each time takes 0.02 ms, a tenth of reading a floor; a case for each page would have to be changed with them.
      execute pg_catalog.format('select private.%I($1)::json', v_function) into shown using v_one -> 'arguments';
    exception when others then
      failure := sqlerrm;
    end;
    return next;
  end loop;
end $$;
comment on function private.read_audiences_v2(jsonb) is
  'What each audience''s page shows, read under its own claims and row-level security. FW422 for what is no list.';
grant execute on function private.read_audiences_v2(jsonb) to floorwalker_web;

comment on function private.read_audiences(jsonb) is
  'For the server of the release before, to be dropped with the next one. What each audience''s page shows, read under its own claims and row-level security. FW422 for what is no list.';
