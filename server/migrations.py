"""Applies supabase/migrations through the version table that `supabase db push` keeps too."""

from pathlib import Path

import asyncpg

FOLDER = Path(__file__).parent.parent / "supabase"
_LOCK = 4_611_020_077  # any number, the same for everybody who migrates; taken to make the version table
_MINE = """
insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, $3) on conflict do nothing
"""

_VERSION_TABLE = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;
"""


def versions() -> set[str]:
    """Those of all migrations that this code has."""
    return {path.stem.partition("_")[0] for path in (FOLDER / "migrations").glob("*.sql")}


async def migrate(owner_url: str) -> list[str]:
    """Apply what is not applied yet, each file in a transaction of its own; the names of those.

    Of several who migrate at once each file is applied by whoever has its version's row: the others wait for it. No
    lock outlives its transaction, as one of a session would behind a transaction pooler, held by nobody for hours.
    """
    connection = await asyncpg.connect(owner_url, timeout=30, statement_cache_size=0)
    applied = []
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(_VERSION_TABLE)
            rows = await connection.fetch("select version from supabase_migrations.schema_migrations")
        known = {row["version"] for row in rows}
        for path in sorted((FOLDER / "migrations").glob("*.sql")):
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


async def seed(owner_url: str) -> None:
    """Add the sample people and agents of supabase/seed.sql where they are missing."""
    connection = await asyncpg.connect(owner_url, timeout=30, statement_cache_size=0)
    try:
        async with connection.transaction():
            await connection.execute((FOLDER / "seed.sql").read_text())
    finally:
        await connection.close()
