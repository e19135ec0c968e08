"""An embedded database before its first migration gives its owner what a hosted project gives, and no more."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from server.embedded.postgres import SUPERUSER, Postgres, prepare
from tests.embedded.conftest import Homes


@pytest.fixture(scope="module")
def postgres(homes: Homes) -> Iterator[Postgres]:
    postgres = Postgres(homes.make() / "home", settings={"fsync": "off"})
    postgres.start()
    yield postgres
    postgres.stop()


@pytest.fixture
async def owner(postgres: Postgres) -> AsyncIterator[asyncpg.Connection]:
    """The role that runs the migrations, in a transaction that is rolled back."""
    connection = await asyncpg.connect(postgres.url("postgres"))
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def test_the_owner_is_no_superuser(owner: asyncpg.Connection) -> None:
    rights = await owner.fetchrow(
        """
        select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin
        from pg_roles where rolname = current_user
        """
    )
    assert rights is not None
    assert tuple(rights) == (False, True, True, True, True, True)


async def test_the_owner_can_do_what_migrations_do(owner: asyncpg.Connection) -> None:
    await owner.execute(
        """
        create extension pg_trgm with schema extensions;
        create schema private;
        create role some_web login noinherit;
        grant anon, authenticated, service_role to some_web;
        create table public.people (id uuid primary key references auth.users (id), made_by text);
        create function private.fill() returns trigger language plpgsql security definer as $$
        begin insert into public.people values (new.id, auth.role()); return new; end $$;
        create trigger filled after insert on auth.users for each row execute function private.fill();
        insert into auth.users (id, email) values (gen_random_uuid(), 'a@example.com');
        """
    )
    assert await owner.fetchval("select count(*) from public.people") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "create table auth.mine ()",
        "create function auth.mine() returns int language sql return 1",
        "drop table auth.users",
        "alter table auth.users add column mine int",
        "set role supabase_auth_admin",
        "set role supabase_admin",
        "alter role anon superuser",
    ],
)
async def test_the_owner_can_not(owner: asyncpg.Connection, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute(statement)


async def test_what_the_owner_makes_in_public_is_open_until_revoked(owner: asyncpg.Connection) -> None:
    await owner.execute("create table public.open (word text); insert into public.open values ('seen')")
    for role in ("anon", "authenticated", "service_role"):
        await owner.execute(f"set local role {role}")
        assert await owner.fetchval("select word from public.open") == "seen"
        await owner.execute("insert into public.open values ('written')")
        await owner.execute("reset role")


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
async def test_nobody_reads_accounts_through_the_api(owner: asyncpg.Connection, role: str) -> None:
    await owner.execute(f"set local role {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.fetch("select * from auth.users")


async def test_claims_reach_the_functions(owner: asyncpg.Connection) -> None:
    who = "11111111-2222-3333-4444-555555555555"
    claims = f'{{"sub": "{who}", "role": "authenticated", "email": "a@example.com"}}'
    await owner.execute("set local role authenticated")
    await owner.execute("select set_config('request.jwt.claims', $1, true)", claims)
    said = await owner.fetchrow("select auth.uid()::text, auth.role(), auth.email(), auth.jwt() ->> 'sub'")
    assert said is not None
    assert tuple(said) == (who, "authenticated", "a@example.com", who)
    await owner.execute("select set_config('request.jwt.claims', '', true)")
    assert await owner.fetchval("select auth.uid() is null and auth.jwt() is null")


async def test_accounts_have_the_real_columns(owner: asyncpg.Connection) -> None:
    columns = await owner.fetch(
        "select attname from pg_attribute where attrelid = 'auth.users'::regclass and attnum > 0"
    )
    assert len(columns) == 35
    assert (
        await owner.fetchval("select tableowner from pg_tables where tablename = 'users'")
        == "supabase_auth_admin"
    )


async def test_other_databases_can_be_prepared_at_once_and_again(postgres: Postgres) -> None:
    names = [f"other_{number}" for number in range(4)]
    root = await asyncpg.connect(postgres.url(SUPERUSER))
    for name in names:
        await root.execute(f"create database {name}")
    urls = [postgres.url(SUPERUSER, name) for name in names]
    await asyncio.gather(*(prepare(url) for url in urls * 2))
    for name in names:
        connection = await asyncpg.connect(postgres.url("postgres", name))
        await connection.execute("create table public.mine ()")
        assert await connection.fetchval("select count(*) from auth.users") == 0
        await connection.close()
        await root.execute(f"drop database {name}")
    await root.close()


async def test_statistics_of_statements_are_there(owner: asyncpg.Connection) -> None:
    assert await owner.fetchval("select count(*) > 0 from extensions.pg_stat_statements")


def test_a_url_survives_odd_names(postgres: Postgres) -> None:
    assert re.fullmatch(r"postgresql://a%40b@/my%20base\?host=/\S+&port=5432", postgres.url("a@b", "my base"))
