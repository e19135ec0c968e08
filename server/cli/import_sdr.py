"""`floorwalker import-sdr`: agents, tools and conversations of an ai-sdr database, in one transaction."""

import asyncio
import sys
from pathlib import Path
from uuid import UUID

import click

from server.cli.context import Context, fail, open_context
from server.cli.sdr import agents, conversations
from server.cli.sdr.file import File, open_file
from server.cli.sdr.report import Report
from server.errors import Forbidden, NotFound, RequestError, Unavailable
from server.kernel import db
from server.kernel.db import Connection


@click.command("import-sdr")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--supervisor",
    metavar="USERNAME",
    help="The voice supervisor of agents whose user_id is no active voice supervisor here.",
)
@click.option("--dry-run", is_flag=True, help="Report what would be imported, and write nothing.")
def import_sdr(file: Path, supervisor: str | None, *, dry_run: bool) -> None:
    """Import agents, tools and conversations from FILE, an SQLite database of ai-sdr.

    Prints one line per row. A row that cannot be imported is refused with the reason, and the others are imported; the exit
    status is 1 then. A second import changes only what changed in FILE. When the import is interrupted, nothing was imported.
    """
    with open_context() as context:
        try:
            with open_file(file) as opened:
                left_out = opened.left_out()
                report = asyncio.run(_import(context, opened, supervisor, dry_run=dry_run))
        except RequestError as error:
            fail(f"nothing was imported: {error.detail}")
    report.lines += [f"not imported: {count} of {table}" for table, count in left_out.items()]
    total = report.total()
    click.echo("\n".join([*report.lines, f"dry run, nothing was written: {total}" if dry_run else total]))
    sys.exit(1 if report.counts["refused"] else 0)


async def _import(context: Context, file: File, supervisor: str | None, *, dry_run: bool) -> Report:
    await context.reach_owner()
    report = Report()
    async with db.as_owner(context.owner_url) as connection:
        await _check(context, connection)
        attempt = connection.transaction()
        await attempt.start()
        fallback = await _supervisor(connection, supervisor) if supervisor else None
        sentences = await db.read_sentences(connection)
        note = f"imported from {file.path.name}"
        await connection.execute("select set_config('floorwalker.note', $1, true)", note)
        tools = file.rows("agent_tools")
        await agents.write_all(connection, sentences, file.rows("agents"), tools, fallback, report)
        await conversations.write_all(connection, sentences, file.rows("conversations"), report)
        await (attempt.rollback() if dry_run else attempt.commit())
    return report


async def _check(context: Context, connection: Connection) -> None:
    if not await connection.fetchval("select to_regclass('sdr.agents') is not null"):
        raise Unavailable(
            f"the database ({db.where(context.owner_url)}) has no schema yet, or not all of it: run `floorwalker migrate`"
        )
    mine = "select pg_catalog.pg_has_role(relowner, 'usage') from pg_catalog.pg_class where oid = 'public.agents'::regclass"
    if not await connection.fetchval(mine):
        raise Forbidden(
            f"{context.owner_setting} signs in as a role that does not own the tables: set DATABASE_OWNER_URL to the "
            "project's postgres role"
        )


async def _supervisor(connection: Connection, given: str) -> UUID:
    found = await agents.supervisor(connection, given)
    if found is None:
        raise NotFound(f"--supervisor {given} is no active voice supervisor here")
    return found
