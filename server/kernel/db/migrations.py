"""Applies supabase/migrations, with the version table that `supabase db push` keeps too."""

import re

import asyncpg

from server import FILES
from server.errors import Unavailable
from server.kernel.db.connections import Connection

FOLDER = FILES / "supabase"
WITH_TABLES = ("public", "private")
NEIGHBOURS = ("sdr", "eleven", "escalation")  # views alone: names of other specifications
OURS = (*WITH_TABLES, *NEIGHBOURS)
# Every schema that migrations create or fill. Backups hold them, and checks of the database cover them.
SCHEMAS = (*OURS, "supabase_migrations")
_LOCK = 4_611_020_077  # any number, the same for every process; held while the version table is made
_MINE = """
insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, $3) on conflict do nothing
"""

# Both triggers are on the Auth server's table, which a restore or a project's owner may have created anew without them.
_TRIGGERS = """
select count(*) from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
where c.relname = 'users' and c.relnamespace = to_regnamespace('auth') and t.tgenabled in ('O', 'A')
  and t.tgname in ('floorwalker_10_profile_insert', 'floorwalker_20_profile_update')
"""
_VERSION_TABLE = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;
"""
# In a new database, before the first migration would create it where the API exposes it. It cannot be moved later,
# because its objects belong to a superuser.
_EXTENSION = """
do $$
begin
  if pg_catalog.to_regnamespace('extensions') is not null then
    create extension if not exists pg_trgm with schema extensions;
  end if;
end $$
"""


def versions() -> set[str]:
    """The versions of all migrations of this code."""
    return {path.stem.partition("_")[0] for path in (FOLDER / "migrations").glob("*.sql")}


async def migrate(owner_url: str) -> list[str]:
    """Apply the migrations that are not applied yet, each in a transaction of its own; return their names.

    When several processes migrate at once, the one that inserts the version's row applies a file and the others wait for
    it. A session lock would not do: behind a transaction pooler it could stay for hours.
    """
    files = sorted((FOLDER / "migrations").glob("*.sql"))
    if not files:
        raise Unavailable(
            f"there are no migrations in {FOLDER / 'migrations'}: this installation is incomplete, install it again"
        )
    connection = await asyncpg.connect(owner_url, timeout=30, statement_cache_size=0)
    applied = []
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(_VERSION_TABLE)
            rows = await connection.fetch("select version from supabase_migrations.schema_migrations")
            known = {row["version"] for row in rows}
            if not known:
                await connection.execute(_EXTENSION)
        for path in files:
            version, _, name = path.stem.partition("_")
            if version in known:
                continue
            sql = path.read_text()
            async with connection.transaction():
                if await connection.execute(_MINE, version, name, [sql]) == "INSERT 0 1":
                    await connection.execute(sql)
                    applied.append(path.stem)
    finally:
        await connection.close()
    return applied


async def has_triggers(owner: Connection) -> bool:
    """Whether logins become people: both triggers on auth.users exist and are enabled."""
    return bool(await owner.fetchval(_TRIGGERS) == 2)


def sample_password_hash() -> str:
    """The hash of the published password of the sample people."""
    found = re.search(r"\$2a\$10\$[./\w]{53}", (FOLDER / "seed.sql").read_text())
    assert found is not None
    return found[0]


async def seed(owner_url: str, *, passwords: bool = True) -> None:
    """Add the sample people and agents of supabase/seed.sql where they are missing.

    Without `passwords`, only the supervisors are added, and they have no password to sign in with.
    """
    connection = await asyncpg.connect(owner_url, timeout=30, statement_cache_size=0)
    try:
        async with connection.transaction():
            if not passwords:
                await connection.execute("set local floorwalker.sample_passwords = 'none'")
            await connection.execute((FOLDER / "seed.sql").read_text())
    finally:
        await connection.close()
