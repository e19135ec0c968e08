"""Restores a home: the backup fills a new database, and a rename in one transaction puts it in the place of the present one.

So the process can be killed at any moment, and one of the two databases is complete. The present one is not changed before the
rename. While the new one is filled, its default privileges are removed, or they would open what is created (`backups.restore`).
"""

import asyncio
from contextlib import suppress
from pathlib import Path

import asyncpg

from server.embedded.postgres import SUPERUSER, Postgres
from server.embedded.prepare import create_database, prepare
from server.errors import Conflict, Invalid, RequestError
from server.kernel import db
from server.kernel.db import Programs, backups

LOCK = 2_718_281_828  # any number, the same for every process that restores
_NEW, _OLD = "restoring", "before_restore"
_EXISTS = "select exists (select from pg_catalog.pg_database where datname = $1)"


def folder(home: Path) -> Path:
    """The default folder of backups."""
    path = home / "backups"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Invalid(f"{path} cannot be used ({error.strerror or error})") from error
    return path


def programs(postgres: Postgres) -> Programs:
    """PostgreSQL's programs, of the same version as the server."""
    return Programs(postgres.bin("psql").parent)


async def restore(postgres: Postgres, file: Path) -> tuple[list[str], list[Path]]:
    """Replace the present database by a backup; return the migrations applied to it, and where the previous one was backed up."""
    await backups.inspect(file, programs(postgres))
    folder(postgres.home)  # for the backup of the present database
    with db.translated_errors():
        root = await asyncpg.connect(postgres.url(SUPERUSER, "template1"), timeout=10)
        try:
            if not await root.fetchval("select pg_try_advisory_lock($1)", LOCK):
                raise Conflict("another restore is running: wait until it has ended")
            await root.execute(f"drop database if exists {_NEW} with (force)")
            kept = await _put_away(postgres, root, "an earlier restore was interrupted")
            await create_database(postgres.url(SUPERUSER, "template1"), _NEW)
            try:
                await prepare(postgres.url(SUPERUSER, _NEW))
                applied = await backups.restore(
                    postgres.url("postgres", _NEW), file, programs(postgres), hosted=False
                )
                await _carry_settings(postgres)
                await _swap(postgres, root)
            except BaseException:
                with suppress(asyncpg.PostgresError, OSError):
                    await root.execute(f"drop database if exists {_NEW} with (force)")
                raise
            return applied, kept + await _put_away(postgres, root, f"{file} is restored")
        finally:
            await root.close()


async def _carry_settings(postgres: Postgres) -> None:
    """Copy the settings that a server writes into the database at its start, because a running server does not write them again."""
    present = await asyncpg.connect(postgres.url(SUPERUSER), timeout=10)
    try:
        if await present.fetchval("select to_regclass('private.settings') is null"):
            return
        rows = await present.fetch("select name, value from private.settings")
    finally:
        await present.close()
    new = await asyncpg.connect(postgres.url("postgres", _NEW), timeout=10)
    try:
        write = "update private.settings set value = $2 where name = $1"
        await new.executemany(write, [(row["name"], row["value"]) for row in rows])
    finally:
        await new.close()


async def _swap(postgres: Postgres, root: asyncpg.Connection) -> None:
    """Give the new database the name of the present one.

    A rename waits some seconds for other sessions to end, and PostgreSQL admits no new ones meanwhile, so they are ended here.
    """
    other = await asyncpg.connect(postgres.url(SUPERUSER, "template1"), timeout=10)
    try:
        renaming = asyncio.create_task(_rename(root))
        while not renaming.done():
            await other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname in ('postgres', $1)",
                _NEW,
            )
            await asyncio.wait([renaming], timeout=0.05)
        await renaming
    finally:
        await other.close()


async def _rename(root: asyncpg.Connection) -> None:
    async with root.transaction():
        if await root.fetchval(_EXISTS, "postgres"):
            await root.execute(f"alter database postgres rename to {_OLD}")
        await root.execute(f"alter database {_NEW} rename to postgres")


async def _put_away(postgres: Postgres, root: asyncpg.Connection, state: str) -> list[Path]:
    """Back up the previous database, now that nothing writes to it any more, and drop it."""
    if not await root.fetchval(_EXISTS, _OLD):
        return []
    kept = []
    old = await asyncpg.connect(postgres.url(SUPERUSER, _OLD), timeout=10)
    try:
        written = await old.fetchval("select to_regclass('public.users') is not null")
    finally:
        await old.close()
    if written:
        file = folder(postgres.home) / f"before-restore-{backups.stamp()}.dump"
        try:
            await backups.backup(postgres.url("postgres", _OLD), file, programs(postgres))
        except RequestError as error:
            # Not dropped, because its content would be nowhere else.
            raise Conflict(
                f"{state}, but the previous database cannot be backed up ({error.detail}) "
                f"and stays as database {_OLD}: back it up or drop it before the next restore"
            ) from error
        kept.append(file)
    await root.execute(f"drop database {_OLD} with (force)")
    return kept
