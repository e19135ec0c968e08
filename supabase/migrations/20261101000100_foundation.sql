-- Roles, the private schema, settings and the doorbell that every other topic uses.

create extension if not exists pg_trgm;

-- agent_runtime: what an agent's request becomes. floorwalker_web: what the web process signs in as; it
-- owns nothing and inherits nothing, so a query outside of a viewer's transaction is refused.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'agent_runtime') then
    create role agent_runtime nologin noinherit;
  end if;
  if not exists (select from pg_catalog.pg_roles where rolname = 'floorwalker_web') then
    create role floorwalker_web login noinherit;
  end if;
end $$;
grant authenticated, agent_runtime to floorwalker_web;

create schema if not exists private;
comment on schema private is 'Helpers, sessions and settings; never exposed through an API.';
revoke all on schema private from public;
grant usage on schema private to authenticated, agent_runtime, service_role, floorwalker_web;
grant usage on schema public to agent_runtime, floorwalker_web;

-- A hosted project grants everything in public to its API roles by default; here each grant is written.
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;
alter default privileges revoke execute on functions from public;

create table private.settings (
  name text primary key,
  value integer not null check (value > 0)
);
comment on table private.settings is 'Times and limits in the unit of their name, written by the web process at start.';
alter table private.settings enable row level security;
insert into private.settings (name, value) values
  ('permission_seconds', 360), ('execute_seconds', 120), ('stale_seconds', 20),
  ('reap_seconds', 600), ('metrics_hours', 24), ('archive_days', 90);

create function private.setting(p_name text) returns integer
language sql stable security definer set search_path = '' as $$
  select value from private.settings where name = p_name
$$;
comment on function private.setting(text) is 'The value of one setting, in the unit of its name.';
grant execute on function private.setting(text) to authenticated, agent_runtime, service_role, floorwalker_web;

create function private.configure(p_values jsonb) returns void
language sql volatile security definer set search_path = '' as $$
  update private.settings s set value = v.value::integer
  from pg_catalog.jsonb_each_text(p_values) v
  where v.key = s.name and s.value <> v.value::integer
$$;
comment on function private.configure(jsonb) is 'Writes the settings of the web process, {name: number}.';
grant execute on function private.configure(jsonb) to floorwalker_web;

create function private.claim(p_name text) returns text
language sql stable set search_path = '' as $$
  select nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> p_name
$$;
comment on function private.claim(text) is 'One claim of the present transaction; null when there is none.';
grant execute on function private.claim(text) to authenticated, agent_runtime, service_role, floorwalker_web;

create function private.touch() returns trigger
language plpgsql set search_path = '' as $$
begin
  new.updated_at := pg_catalog.now();
  return new;
end $$;
comment on function private.touch() is 'Trigger: keeps updated_at.';

-- The doorbell: says which table to look at again and for whose sake, never what changed. NOTIFY knows no
-- row-level security and every listener hears it; equal payloads of one transaction collapse.
create function private.ring() returns trigger
language plpgsql set search_path = '' as $$
declare
  v_owner uuid;
begin
  if tg_op = 'INSERT' then
    for v_owner in select distinct supervisor_id from inserted where supervisor_id is not null loop
      perform pg_catalog.pg_notify('floor', tg_table_name || ':' || v_owner);
    end loop;
  elsif tg_op = 'UPDATE' then
    for v_owner in select supervisor_id from before union select supervisor_id from after loop
      perform pg_catalog.pg_notify('floor', tg_table_name || ':' || v_owner);
    end loop;
  else
    for v_owner in select distinct supervisor_id from before where supervisor_id is not null loop
      perform pg_catalog.pg_notify('floor', tg_table_name || ':' || v_owner);
    end loop;
  end if;
  return null;
end $$;
comment on function private.ring() is 'Statement trigger: NOTIFY floor, ''<table>:<supervisor_id>'' for each supervisor touched.';
