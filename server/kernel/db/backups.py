"""A backup is one file: everything that was recorded and the accounts, but no sessions and no links.

A backup without rows makes an empty product; one of rows alone is restored into the schema that they came from. A restore
never changes the present database: it fills a new one, and one transaction swaps the two (embedded/restore.py).
"""

import asyncio
import datetime as dt
import fcntl
import os
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, TypeAlias
from uuid import uuid4

from server import settings
from server.errors import Conflict, Invalid, NotFound
from server.kernel.db import backup_accounts, migrations
from server.kernel.db import connections as db
from server.kernel.db.postgres_programs import (
    Programs,
    check_program,
    ended,
    give_way,
    open_program,
    reason_of,
    run_program,
    secretly,
)

What: TypeAlias = Literal["everything", "schema", "rows"]
_ACCOUNTS = ("users", "identities")  # tables of schema auth
_OF_SESSIONS = ("private.web_sessions", "public.push_subscriptions", "private.push_messages")
_ENTRY = re.compile(
    rf"\d+; \d+ \d+ (?P<kind>[A-Z][A-Z ]*?) (?P<schema>{'|'.join(migrations.SCHEMAS)}|auth|-) (?P<rest>.*)"
)

# A dump of schemas holds neither roles nor default privileges of all schemas. Those of the target would grant what is
# created here to the API roles, so they are removed until everything is created; the dump has those of schema public.
_BEFORE = """
begin;
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
alter default privileges in schema public revoke all on tables from current_user, anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from current_user, anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from current_user, anon, authenticated, service_role;
alter default privileges grant execute on functions to public;
drop table if exists supabase_migrations.schema_migrations;
drop schema if exists supabase_migrations;
"""
_AFTER = """
alter default privileges revoke execute on functions from public;
commit;
"""
# A backup of rows alone is restored into a schema that exists and has no rows but those of the migrations. Triggers are
# disabled meanwhile. The tables may be filled in any order, because foreign keys are dropped, and checked again at the end.
_TABLES = f"""select c.oid::pg_catalog.regclass as name from pg_catalog.pg_class c
    where c.relkind in ('r', 'p') and c.relnamespace::pg_catalog.regnamespace::text in {migrations.WITH_TABLES}"""
_ROWS_BEFORE = f"""
begin;
set local search_path = '';
create temp table keys on commit drop as
  select c.conrelid::pg_catalog.regclass as on_table, c.conname as name, pg_catalog.pg_get_constraintdef(c.oid) as definition,
    pg_catalog.obj_description(c.oid, 'pg_constraint') as sentence
  from pg_catalog.pg_constraint c
  where c.contype = 'f' and c.connamespace::pg_catalog.regnamespace::text in {migrations.WITH_TABLES};
do $$
declare
  one record;
begin
  for one in select * from pg_temp.keys loop
    execute pg_catalog.format('alter table %s drop constraint %I', one.on_table, one.name);
  end loop;
  for one in {_TABLES} loop
    execute pg_catalog.format('alter table %s disable trigger user', one.name);
  end loop;
end $$;
"""
# The accounts have created people, who are among the rows too.
_ROWS_EMPTY = f"""
do $$
begin
  execute 'truncate ' || (select pg_catalog.string_agg(t.name::text, ', ') from ({_TABLES}) t);
end $$;
"""
_ROWS_AFTER = f"""
do $$
declare
  one record;
begin
  for one in select * from pg_temp.keys loop
    execute pg_catalog.format('alter table %s add constraint %I %s', one.on_table, one.name, one.definition);
    execute pg_catalog.format('comment on constraint %I on %s is %L', one.name, one.on_table, one.sentence);
  end loop;
  for one in {_TABLES} loop
    execute pg_catalog.format('alter table %s enable trigger user', one.name);
  end loop;
end $$;
commit;
"""
# The transaction is idle while pg_dump works, and like pg_dump's own its text must be readable with any setting.
_UNLIMITED = """set local idle_in_transaction_session_timeout = 0; set local statement_timeout = 0;
set local datestyle = 'ISO'; set local intervalstyle = 'postgres'; set local extra_float_digits = 3"""
_CONDITION = """
select current_setting('server_version_num')::integer / 10000 as version,
  to_regclass('public.users') is not null or to_regnamespace('private') is not null as has_schema,
  array(select c.relname::text from pg_catalog.pg_class c
    where c.relnamespace = to_regnamespace('auth') and c.relkind in ('r', 'p')) as auth_tables,
  to_regclass('supabase_migrations.schema_migrations') is not null as has_versions
"""

_FILLED = f"""select format('%I.%I', n.nspname, c.relname) as name from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname in {migrations.WITH_TABLES} and c.relkind in ('r', 'p') and (n.nspname, c.relname) <> ('private', 'settings')"""


def stamp() -> str:
    """The present time as part of a file name, in milliseconds, because two restores may happen within one second."""
    now = dt.datetime.now(dt.UTC)
    return f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03}Z"


async def backup(
    url: str, file: Path, programs: Programs, *, what: What = "everything", low_priority: bool = False
) -> int:
    """Write a backup of the owner's database to a new file; return its size in bytes. The file appears when it is complete.

    `low_priority`: on the machine of the database, every process of the backup runs at the lowest priority.
    """
    with db.translated_errors():
        async with db.as_owner(url) as owner:
            found = await owner.fetchrow(_CONDITION)
            tables = [row["name"] for row in await owner.fetch(_FILLED)]
    assert found is not None
    if not found["has_schema"]:
        raise Invalid("the database has no schema yet, so there is nothing to back up")
    await check_program(programs, "pg_dump", found["version"])
    await check_program(programs, "pg_restore", found["version"])
    tokens = [name for name in found["auth_tables"] if name not in _ACCOUNTS]
    without_rows = [*tables, "auth.identities"] if what == "schema" else []
    address, environment = secretly(url)
    environment["PGAPPNAME"] = name = f"floorwalker backup {uuid4()}"
    command = [
        programs.path("pg_dump"), "--format=custom", "--compress=1", "--no-publications", "--no-subscriptions",
        "--extension=pg_trgm", *(f"--schema={name}" for name in (*migrations.SCHEMAS, "auth")),
        *(f"--exclude-table-data={name}" for name in _OF_SESSIONS), "--exclude-table-data=auth.users", *(f'--exclude-table=auth."{name}"' for name in tokens),
        *(f"--exclude-table-data={table}" for table in without_rows), *(["--data-only"] if what == "rows" else []),
        f"--dbname={address}",
    ]  # fmt: skip
    try:
        with _half(file) as (half, part):
            # Named, because an archive on standard output has no index.
            command.append(f"--file={part}")
            async with db.as_owner(url) as owner:
                # Archive and accounts show the same moment.
                await owner.execute(
                    f"set transaction isolation level repeatable read, read only; {_UNLIMITED}"
                )
                command.append(f"--snapshot={await owner.fetchval('select pg_export_snapshot()')}")
                async with open_program(command, environment, keeps=half) as (dump, complaints):
                    if low_priority:
                        give_way(dump.pid, idle=True)
                        await _give_way(url, name, dump)
                    await ended(dump, complaints, "the backup failed")
                await backup_accounts.append(owner, part, rows=what != "schema")
            # This reads every row. The list of contents alone is at the beginning and may be complete in a damaged file.
            reading = [programs.path("pg_restore"), f"--file={os.devnull}", str(part)]
            await run_program(reading, environment, "the backup cannot be read", low_priority=low_priority)
            return await asyncio.to_thread(_publish, half, part, file)
    except OSError as error:
        raise Invalid(f"{file} cannot be written ({error.strerror or error})") from error


async def _give_way(url: str, name: str, dump: asyncio.subprocess.Process) -> None:
    """Lower the priority of the backend that serves pg_dump, once it is connected under this application name."""
    async with db.as_owner(url) as owner:
        while dump.returncode is None:
            await owner.execute("select pg_stat_clear_snapshot()")
            pid = await owner.fetchval("select pid from pg_stat_activity where application_name = $1", name)
            if pid is not None:
                give_way(pid, idle=False)
                return
            await asyncio.sleep(0.05)


@contextmanager
def _half(file: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A temporary file, locked while it is written and removed unless it was renamed; only its owner may read it."""
    if file.exists():
        raise Conflict(f"{file} exists already: name another file")
    part = file.with_name(file.name + ".part")
    with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as half:
        if not _lock(half):
            raise Conflict(f"{part} is being written: wait, or name another file")
        half.truncate(0)
        try:
            yield half, part
        finally:
            part.unlink(missing_ok=True)


def clear_halves(folder: Path) -> None:
    """Remove the unfinished files of interrupted backups; one that is being written stays."""
    for path in folder.glob("*.dump.part"):
        with path.open("rb") as half:
            if _lock(half):
                path.unlink(missing_ok=True)


def _lock(file: IO[bytes]) -> bool:
    # The lock is shared with the pg_dump that writes into the file, and ends with the last of the two.
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _publish(half: IO[bytes], part: Path, file: Path) -> int:
    """Give a complete file its name so that it survives a power cut whole or not at all; return its size in bytes."""
    os.fsync(half.fileno())
    if file.exists():
        raise Conflict(f"{file} exists already: name another file")
    part.rename(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return file.stat().st_size


async def restore(url: str, file: Path, programs: Programs, *, hosted: bool) -> list[str]:
    """Restore a backup into an empty project, as its owner, all or nothing; return the migrations that were applied after it.

    A hosted project can be reached from the internet, so accounts with the published sample password lose it there.
    """
    with db.translated_errors():
        async with db.as_owner(url) as owner:
            found = await owner.fetchrow(_CONDITION)
            assert found is not None
            if "users" not in found["auth_tables"]:
                raise Invalid("the database is not a Supabase project: it has no auth.users")
            taken = found["has_schema"] or await owner.fetchval("select exists (select from auth.users)")
            if not taken and found["has_versions"]:
                taken = await owner.fetchval(
                    "select exists (select from supabase_migrations.schema_migrations)"
                )
    if taken:
        raise Conflict("the database is not empty: a backup is restored into a project without a schema")
    await check_program(programs, "pg_restore", found["version"])
    await check_program(programs, "psql", found["version"])
    contents = await inspect(file, programs)
    accounts = await asyncio.to_thread(backup_accounts.read, file, f"nothing was restored, {file} is damaged")
    if accounts is None and not any(" TABLE DATA auth users " in line for line in contents):
        raise Invalid(f"nothing was restored, {file} is damaged: the accounts at its end are missing")
    rows = _has_rows_alone(contents)
    if rows:
        await migrations.migrate(url)
        contents = [line for line in contents if " TABLE DATA supabase_migrations " not in line]
    before, after = (_ROWS_BEFORE, _ROWS_AFTER) if rows else (_BEFORE, _AFTER)
    start = before.encode() + (accounts or b"") + (_ROWS_EMPTY.encode() if rows else b"")
    with tempfile.NamedTemporaryFile("w", suffix=".list") as wanted:
        wanted.write("\n".join(contents) + "\n")
        wanted.flush()
        await _pour(url, file, wanted.name, programs, start, after.encode())
    applied = await migrations.migrate(url)
    with db.translated_errors():
        async with db.as_owner(url) as owner:
            await owner.execute(backup_accounts.CLEAR)
            if hosted:
                await owner.execute(backup_accounts.WITHOUT_SAMPLES, migrations.sample_password_hash())
            await owner.execute("analyze")
    return applied


async def inspect(file: Path, programs: Programs) -> list[str]:
    """Return which contents of the file are restored. NotFound; Invalid when it is no backup or one of a newer version."""
    if not await asyncio.to_thread(file.is_file):
        raise NotFound(f"there is no file {file}")
    environment, complaint = settings.inherited(), f"{file} is not a backup that can be read"
    listed = await run_program([programs.path("pg_restore"), "--list", str(file)], environment, complaint)
    contents = select(listed.splitlines())
    if not any(" TABLE DATA supabase_migrations schema_migrations " in line for line in contents):
        raise Invalid(f"{file} is not a backup of Floorwalker")
    versions = ["--data-only", "--schema=supabase_migrations", "--table=schema_migrations", "--file=-"]
    rows = await run_program([programs.path("pg_restore"), *versions, str(file)], environment, complaint)
    applied = set(re.findall(r"^(\d+)(?=\t)", rows, re.MULTILINE))
    if newer := sorted(applied - migrations.versions()):
        raise Invalid(f"{file} is of a newer Floorwalker (it has {newer[-1]}): update this one first")
    if _has_rows_alone(contents) and (missing := sorted(migrations.versions() - applied)):
        raise Invalid(
            f"{file} has only rows, of a schema before {missing[0]}: restore it with the version of Floorwalker that "
            "made it, and then run `floorwalker migrate`; a whole backup is migrated while it is restored"
        )
    return contents


def _has_rows_alone(contents: list[str]) -> bool:
    return not any(" TABLE public users " in line for line in contents)


def select(lines: Iterable[str]) -> list[str]:
    """Select the entries of pg_restore's list that are restored; of schema auth only the accounts and Floorwalker's triggers.

    The other entries of schema auth belong to Supabase, and the target has them.
    """
    kept = [line for line in lines if (found := _ENTRY.match(line)) and _is_restored(*found.group(1, 2, 3))]
    # The accounts are inserted into tables that have their keys: identities follow users.
    return sorted(kept, key=lambda line: " TABLE DATA auth identities " in line)


def _is_restored(kind: str, schema: str, rest: str) -> bool:
    if schema == "auth":
        account = kind == "TABLE DATA" and rest.split(maxsplit=1)[0] in _ACCOUNTS
        return account or (kind in ("TRIGGER", "COMMENT") and "users floorwalker_" in rest)
    if schema == "-":
        own = rest.removeprefix("SCHEMA ").split()[0] in {*migrations.SCHEMAS} - {"public"}
        return (own and kind in ("SCHEMA", "ACL", "COMMENT")) or (
            (kind, rest.split(maxsplit=1)[0]) == ("EXTENSION", "pg_trgm")
            or (kind == "ACL" and rest.startswith("SCHEMA public "))
        )
    return kind != "DEFAULT ACL" or rest.endswith(" postgres")


async def _pour(url: str, file: Path, contents: str, programs: Programs, start: bytes, end: bytes) -> None:
    """Pipe pg_restore's SQL into psql, in one transaction that commits only when pg_restore has succeeded."""
    address, environment = secretly(url)
    source = [programs.path("pg_restore"), "--no-owner", f"--use-list={contents}", "--file=-", str(file)]
    target = [programs.path("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={address}"]
    async with (
        open_program(source, environment) as (reader, complaints),
        open_program(target, environment, inlet=subprocess.PIPE, output=subprocess.DEVNULL) as (
            writer,
            refusals,
        ),
    ):
        assert reader.stdout is not None
        assert writer.stdin is not None
        try:
            writer.stdin.write(start)
            await writer.stdin.drain()
            async for sql in _sql(reader.stdout):
                writer.stdin.write(sql)
                await writer.stdin.drain()
            if await reader.wait() == 0:
                writer.stdin.write(end)
            writer.stdin.close()
            await writer.stdin.wait_closed()
        except (BrokenPipeError, ConnectionResetError):
            pass  # psql stopped, and reports why
        if await writer.wait() != 0:
            raise Invalid(f"nothing was restored: {reason_of(refusals)}")
        if await reader.wait() != 0:
            raise Invalid(f"nothing was restored, {file} is damaged: {reason_of(complaints)}")


async def _sql(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    try:
        first = await stream.readexactly(4096)
    except asyncio.IncompleteReadError as error:
        first = error.partial
    # A newer pg_restore begins with a setting that older servers do not know.
    yield first.replace(b"SET transaction_timeout = 0;\n", b"")
    while more := await stream.read(1 << 16):
        yield more
