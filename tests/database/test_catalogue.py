"""What the catalogue says of every table, view, function and index: the rules of database.md."""

import pytest

from server.kernel.db import migrations
from tests.app_server import AppServer
from tests.database.acting import as_owner
from tests.database.fates import CLOSED
from tests.database.matrix import TABLES, VIEWS

TO_EVERYBODY: set[str] = set()  # what anon or PUBLIC may use, by name: nothing
OURS = f"in (select s::regnamespace from unnest(array{[*migrations.OURS]}) s)"
NOT_OF_AN_EXTENSION = "not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')"


async def names(app_server: AppServer, question: str) -> set[str]:
    async with app_server.database() as owner:
        return {str(row[0]) for row in await owner.fetch(question)}


async def test_tables_are_where_the_matrix_looks(app_server: AppServer) -> None:
    """And in the schema of the migrations, which no role may use."""
    question = "select distinct relnamespace::regnamespace from pg_class where relkind in ('r', 'p', 'f', 'v', 'm') and relowner = 'postgres'::regrole"
    assert await names(app_server, question) == {*migrations.SCHEMAS}


async def test_every_table_has_row_level_security_and_a_comment(app_server: AppServer) -> None:
    assert not await names(
        app_server,
        f"""select c.oid::regclass from pg_class c where c.relkind in ('r', 'p', 'f') and c.relnamespace {OURS}
        and (not c.relrowsecurity or obj_description(c.oid) is null)""",
    )


async def test_every_table_has_a_policy_or_is_closed(app_server: AppServer) -> None:
    walled = await names(app_server, "select schemaname || '.' || tablename from pg_policies")
    assert walled == {name for name, table in TABLES.items() if table.otherwise is not CLOSED} - VIEWS


async def test_every_policy_is_for_people_or_for_agents(app_server: AppServer) -> None:
    question = "select distinct unnest(roles) from pg_policies where schemaname in ('public', 'private')"
    assert await names(app_server, question) == {"authenticated", "agent_runtime"}


async def test_views_look_through_the_readers_eyes(app_server: AppServer) -> None:
    assert not await names(
        app_server,
        f"""select oid::regclass from pg_class where relkind in ('v', 'm') and relnamespace {OURS}
        and not coalesce('security_invoker=true' = any (reloptions), false)""",
    )


async def test_every_function_has_a_fixed_search_path_a_comment_and_the_same_owner(
    app_server: AppServer,
) -> None:
    assert not await names(
        app_server,
        f"""select p.oid::regprocedure from pg_proc p where p.pronamespace {OURS} and {NOT_OF_AN_EXTENSION}
        and (not 'search_path=pg_catalog, pg_temp' = any (coalesce(p.proconfig, '{{}}')) or obj_description(p.oid) is null
          or p.proowner <> 'postgres'::regrole)""",
    )


async def test_no_function_makes_or_trusts_a_temporary_table(app_server: AppServer) -> None:
    """A caller may have made a temporary table of that name before, with a trigger that would run as the owner."""
    assert not await names(
        app_server,
        f"""select p.oid::regprocedure from pg_proc p
        where p.pronamespace {OURS} and p.prosrc ~* 'create\\s+(local\\s+)?temp|pg_temp'""",
    )


async def test_nothing_is_granted_to_everybody_or_to_anon(app_server: AppServer) -> None:
    """An empty list of rights means PostgreSQL's defaults, which let everybody execute."""
    everybody = "a.grantee in (0, 'anon'::regrole)"
    found = await names(
        app_server,
        f"""select p.oid::regprocedure::text from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        where p.pronamespace {OURS} and {everybody} and {NOT_OF_AN_EXTENSION}
        union select c.oid::regclass::text
        from pg_class c, aclexplode(coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's'::"char" else 'r' end, c.relowner))) a
        where c.relnamespace {OURS} and {everybody}
        union select c.oid::regclass::text from pg_attribute t join pg_class c on c.oid = t.attrelid, aclexplode(t.attacl) a
        where c.relnamespace {OURS} and {everybody}
        union select t.oid::regtype::text from pg_type t, aclexplode(t.typacl) a
        where t.typnamespace {OURS} and {everybody}
        union select nspname from pg_namespace, aclexplode(nspacl) a
        where nspname in {migrations.SCHEMAS} and nspname <> 'public' and {everybody}""",
    )
    assert found == TO_EVERYBODY


async def test_what_is_made_tomorrow_is_granted_to_nobody(app_server: AppServer) -> None:
    """A hosted project grants everything in public to its API roles by default. A migration that forgets a revoke is safe here."""
    async with as_owner(app_server) as owner:
        await owner.execute("""
            create table public.tomorrow (id bigint generated always as identity);
            create table private.tomorrow (id bigint generated always as identity);
            create view public.tomorrow_view as select 1;
            create function public.tomorrow() returns integer language sql as 'select 1';
            create function private.tomorrow() returns integer language sql as 'select 1'""")
        rows = await owner.fetch(f"""
            select c.relname, a.grantee::regrole::text from pg_class c, aclexplode(c.relacl) a
            where c.relname ~ 'tomorrow' and c.relnamespace {OURS} and a.grantee <> c.relowner
            union select p.proname, a.grantee::regrole::text
            from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
            where p.proname = 'tomorrow' and a.grantee <> p.proowner""")
    assert not rows


async def test_the_web_process_is_no_owner_and_no_superuser(app_server: AppServer) -> None:
    async with app_server.database() as owner:
        row = await owner.fetchrow("""
            select rolsuper, rolinherit, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
              exists (select from pg_class where relowner = r.oid) as owns,
              pg_has_role('floorwalker_web', 'service_role', 'member') as serves
            from pg_roles r where rolname = 'floorwalker_web'""")
    assert row is not None
    assert set(row.values()) == {False}


async def test_the_roles_of_requests_are_members_of_nothing(app_server: AppServer) -> None:
    question = """select member::regrole || ' is ' || roleid::regrole from pg_auth_members
        where member in ('anon'::regrole, 'authenticated'::regrole, 'agent_runtime'::regrole, 'service_role'::regrole)"""
    assert not await names(app_server, question)
    question = "select roleid::regrole from pg_auth_members where member = 'authenticator'::regrole"
    assert await names(app_server, question) == {"anon", "authenticated", "service_role"}
    question = "select rolname from pg_roles where rolname in ('anon', 'authenticated', 'agent_runtime') and (rolsuper or rolbypassrls or rolcanlogin)"
    assert not await names(app_server, question)


@pytest.mark.parametrize("schema", ["public", "private"])
async def test_every_foreign_key_is_indexed(app_server: AppServer, schema: str) -> None:
    """By an index that begins with its first column, because the rest is few rows. The index may leave out nulls."""
    assert not await names(
        app_server,
        f"""select conrelid::regclass || ' ' || conname from pg_constraint k
        where contype = 'f' and connamespace = '{schema}'::regnamespace and not exists (
          select from pg_index i where i.indrelid = k.conrelid and i.indkey[0] = k.conkey[1]
            and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)',
              (select attname from pg_attribute where attrelid = k.conrelid and attnum = k.conkey[1]))))""",
    )
