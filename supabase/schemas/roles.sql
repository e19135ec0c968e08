-- Roles, schemas, extensions, and what nobody is granted by default.

create extension if not exists pg_trgm with schema extensions;

-- agent_runtime: what an agent's request becomes. floorwalker_web: what the web process signs in as; it owns nothing and
-- inherits nothing, so that a query outside of a viewer's transaction is refused.
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

create schema private;
comment on schema private is 'Helpers, sessions and settings; never exposed through an API.';
grant usage on schema private to authenticated, agent_runtime, service_role, floorwalker_web;
grant usage on schema public to agent_runtime, floorwalker_web;

-- A hosted project grants everything in public to its API roles by default; here each grant is written.
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;
alter default privileges revoke execute on functions from public;
