-- The roles of a hosted Supabase project; run as the superuser supabase_admin, as often as one likes.

do $$
declare
  made record;
begin
  for made in
    select * from (values
      ('postgres', 'login'),
      ('anon', 'nologin'),
      ('authenticated', 'nologin'),
      ('service_role', 'nologin'),
      ('authenticator', 'login noinherit'),
      ('supabase_auth_admin', 'login noinherit')
    ) as wanted (name, options)
    where not exists (select from pg_catalog.pg_roles where rolname = wanted.name)
  loop
    execute format('create role %I with %s', made.name, made.options);
  end loop;
end $$;

-- `postgres` is what a project's owner gets: nearly everything, but no superuser.
alter role postgres with login nosuperuser createdb createrole replication bypassrls;
alter role anon with nologin inherit;
alter role authenticated with nologin inherit;
alter role service_role with nologin inherit bypassrls;
alter role authenticator with login noinherit;
alter role supabase_auth_admin with login noinherit nocreaterole noreplication;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to postgres with admin option;
grant authenticator to postgres;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;

alter role supabase_admin set search_path to "$user", public, auth, extensions;
alter role postgres set search_path to "$user", public, extensions;
alter role supabase_auth_admin set search_path to auth;
alter role supabase_auth_admin set idle_in_transaction_session_timeout to 60000;
alter role anon set statement_timeout to '3s';
alter role authenticated set statement_timeout to '8s';
alter role authenticator set statement_timeout to '8s';
alter role authenticator set lock_timeout to '8s';
