"""Makes an empty PostgreSQL look like a hosted Supabase project before its first migration.

With the same roles, an owner that is no superuser, and the same default privileges, which open every new table of `public` to
the API roles. So the tests prove the grants of the migrations as they work on a hosted project (2026-11-22).
"""

import hashlib
from pathlib import Path

import asyncpg

_HERE = Path(__file__).parent
_LOCK = 7_305_170_423  # any number, the same for every process


async def prepare(url_of_superuser: str) -> None:
    """Run roles.sql (once per cluster) and auth.sql (once per database), unless they have run in this version."""
    connection = await asyncpg.connect(url_of_superuser, timeout=30)
    try:
        await _prepare(connection)
    finally:
        await connection.close()


async def create_database(url_of_superuser: str, name: str) -> None:
    """Create an empty database, unless there is one of this name; `url_of_superuser` is the address of another one."""
    connection = await asyncpg.connect(url_of_superuser, timeout=30)
    try:
        if not await connection.fetchval("select exists (select from pg_database where datname = $1)", name):
            # template1 cannot be copied while a connection to it is open, such as this one.
            await connection.execute(f'create database "{name}" template template0')
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        pass
    finally:
        await connection.close()


async def _prepare(connection: asyncpg.Connection) -> None:
    roles, auth = (_HERE / "roles.sql").read_text(), (_HERE / "auth.sql").read_text()
    wanted = (_mark(roles), _mark(auth))
    if await _marks(connection) == wanted:
        return
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        done = await _marks(connection)
        if done[0] != wanted[0]:
            await connection.execute(roles)
            await connection.execute(f"comment on role supabase_auth_admin is '{wanted[0]}'")
        if done[1] != wanted[1]:
            await connection.execute(auth)
            await connection.execute(f"comment on schema auth is '{wanted[1]}'")


def _mark(sql: str) -> str:
    return f"Prepared by Floorwalker {hashlib.sha256(sql.encode()).hexdigest()[:16]}"


async def _marks(connection: asyncpg.Connection) -> tuple[str | None, str | None]:
    row = await connection.fetchrow(
        """
        select (select shobj_description(oid, 'pg_authid') from pg_catalog.pg_roles
                where rolname = 'supabase_auth_admin') as roles,
               (select obj_description(oid, 'pg_namespace') from pg_catalog.pg_namespace
                where nspname = 'auth') as auth
        """
    )
    assert row is not None
    return row["roles"], row["auth"]
