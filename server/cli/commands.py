"""The commands of the server and its database."""

import asyncio
import gc
import signal
import socket
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click
import uvicorn
from uvicorn.loops.auto import auto_loop_factory

from server import app as application
from server import settings as environment
from server.cli import agent, agent_key, create_person, demo_keys, import_sdr, push_key, replay
from server.cli.context import Context, fail, open_context
from server.kernel import db
from server.kernel.db import Programs, backups, migrations, secretly
from server.kernel.http import Protocol
from server.people.first_admin import FirstAdmin
from server.settings import Settings

_GRACE = 10  # seconds that requests in flight have when the server stops
GC_THRESHOLDS = (100_000, 20, 50)  # Python's own are 700, 10, 10


@click.group()
@click.version_option(package_name="floorwalker-server")
def main() -> None:
    """Floorwalker: a realtime supervisor dashboard for AI call-centre agents."""


class _Server(uvicorn.Server):
    """uvicorn, but it ends the streams before it waits for them."""

    def __init__(self, config: uvicorn.Config, parts: application.App) -> None:
        super().__init__(config)
        self._parts = parts

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Like uvicorn's own, which raises the signal again at the end. That would end this process before it stops PostgreSQL."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._parts.close_streams()
        await super().shutdown(sockets)


@main.command()
@click.option("--demo", is_flag=True, help="Play the demo contact centre (embedded mode).")
def serve(*, demo: bool) -> None:
    """Run the web process."""
    listening = _bind(environment.load())
    with open_context() as context, listening:
        if context.home is not None:
            migrations_of(context)
            from server.embedded import sample_people

            alone = context.settings.alone
            asyncio.run(sample_people.settle(context.owner_url, alone=alone, demo=demo))
            if alone or demo:
                asyncio.run(_add_history(context.owner_url))
        elif demo:
            fail("--demo uses the sample agents of the embedded mode, but DATABASE_URL is set")
        else:
            asyncio.run(_check(context.settings))
        # Thousands of streams keep hundreds of thousands of objects alive, and the garbage collector would visit them repeatedly:
        # with 3,450 streams that took half of the process's time (2026-11-23). With these thresholds messages to 2,000 streams are sent 1.2 times as fast as with Python's own, and freezing saves
        # 60 ms in each full collection (bench optimisations).
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:  # uvloop where it is installed
            runner.run(_serve(context, listening, demo=demo))


async def _add_history(owner_url: str) -> None:
    """Add a month of sample interactions to a home without any."""
    async with db.as_owner(owner_url) as connection:
        await connection.execute((Path(__file__).parent.parent / "embedded" / "history.sql").read_text())


async def _check(settings: Settings) -> None:
    query = "select private.setting('permission_seconds')"
    assert settings.database_url is not None
    await db.check("DATABASE_URL", settings.database_url, query)
    if settings.database_listen_url:
        await db.check("DATABASE_LISTEN_URL", settings.database_listen_url, "select 1")


async def _serve(context: Context, listening: socket.socket, *, demo: bool) -> None:
    settings = context.settings
    auth_app = context.home.auth_app() if context.home else None
    first_admin = await _first_admin(context) if context.home and not settings.alone else None
    app, parts = application.create_app(settings, auth_app, first_admin)
    server = _Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
            http=Protocol,
            ws="none",  # "auto" would accept WebSockets where their library is installed
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=settings.proxies,
        ),
        parts,
    )
    background: list[Coroutine[Any, Any, None]] = [_greet(server, _greeting(context, first_admin))]
    if context.home is not None:
        background += [context.home.postgres.keep(), context.home.back_up_daily()]
    if demo:
        background.append(_demo(context))
    tasks = [asyncio.create_task(work) for work in background]
    try:
        await server.serve([listening])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if auth_app is not None:
            from server.embedded.home import close_auth_app

            await close_auth_app(auth_app)


def _bind(settings: Settings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
    except OSError as error:
        reason = error.strerror or str(error)
        raise SystemExit(
            f"floorwalker: cannot listen on {settings.host} port {settings.port} ({reason}): "
            "stop the program that uses it, or set another PORT (or HOST)."
        ) from None
    return listening


async def _first_admin(context: Context) -> FirstAdmin | None:
    """The link for the first admin, if no admin can sign in."""
    from server.embedded import sample_people

    if await sample_people.has_admin(context.owner_url):
        return None
    return FirstAdmin(
        partial(sample_people.has_admin, context.owner_url),
        lambda draft, password: create_person.make(context, draft, password),
    )


def _greeting(context: Context, first_admin: FirstAdmin | None) -> list[str]:
    lines = [f"Floorwalker is at {context.settings.address}"]
    if context.home is None:
        return lines
    if context.settings.alone:
        who = "supervisor1@example.com (voice), supervisor2@example.com (chat) or admin@example.com"
        lines += [f"Sign in as {who},", "password floorwalker."]
    elif first_admin is not None:
        lines += [
            "Nobody can sign in yet. Make the first admin, once, at",
            context.settings.address + first_admin.path,
        ]
    return [*lines, "Press Ctrl-C to stop; the data is kept."]


async def _greet(server: uvicorn.Server, lines: list[str]) -> None:
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event to wait for
        await asyncio.sleep(0.02)
    click.echo("\n".join(lines))


async def _demo(context: Context) -> None:
    """Play the demo with new keys; the keys of its last start are revoked."""
    from server.demo.demo import play_all

    async with db.as_owner(context.owner_url) as connection:
        agents = await demo_keys.create_for_demo(connection)
    await play_all(context.settings.here, agents)


def migrations_of(context: Context) -> list[str]:
    """Apply missing migrations; return their names."""

    async def apply() -> list[str]:
        await context.reach_owner()
        return await migrations.migrate(context.owner_url)

    return asyncio.run(apply())


@main.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    with open_context() as context:
        applied = migrations_of(context)
        click.echo("\n".join(["applied:", *applied]) if applied else "up to date")


main.add_command(create_person.create_admin)
main.add_command(create_person.create_supervisor)


@main.command()
def doctor() -> None:
    """Check the configuration against the services that it names, and print what to do about each finding.

    ✓ is right, ! is worth a look, ✗ is wrong; the exit status is 1 when there is a ✗.
    """
    from server.cli.doctor import examination

    sys.exit(examination.run())


@main.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--schema-only", is_flag=True, help="Only tables, functions and rules, without rows.")
@click.option(
    "--data-only", is_flag=True, help="Only the rows and the accounts, for a database of the same version."
)
def backup(file: Path | None, *, schema_only: bool, data_only: bool) -> None:
    """Write all data, and the accounts with the hashes of their passwords, into a new FILE.

    Without FILE: floorwalker-<time>.dump, in the home's backups or, for a hosted project, in the present folder.
    A backup contains no sessions, and not the keys of the embedded home: each home creates its own.
    """
    if schema_only and data_only:
        raise click.UsageError(
            "--schema-only leaves out what --data-only writes: give one of them, or neither."
        )
    what: backups.What = "schema" if schema_only else "rows" if data_only else "everything"
    name = f"floorwalker-{'' if what == 'everything' else what + '-'}{backups.stamp()}.dump"

    async def write(context: Context) -> None:
        await context.reach_owner()
        target, programs = file or Path(name), Programs()
        if context.home is not None:
            programs = context.home.programs
            target = file or context.home.backups / name
        here = context.home is not None
        size = await backups.backup(context.owner_url, target, programs, what=what, low_priority=here)
        click.echo(f"{target}: {size:,} bytes")

    with open_context() as context:
        asyncio.run(write(context))


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
def restore(file: Path) -> None:
    """Restore FILE, a backup of this or of an earlier version. All users have to sign in again.

    In embedded mode it replaces the present database, which is backed up; the server may keep running.
    A hosted project has to be empty. When a step fails, nothing is changed.
    """

    async def run(context: Context) -> tuple[list[str], list[Path]]:
        await context.reach_owner()
        if context.home is None:
            return await backups.restore(context.owner_url, file, Programs(), hosted=True), []
        from server.embedded.restore import restore as replace_database

        return await replace_database(context.home.postgres, file)

    with open_context() as context:
        applied, kept = asyncio.run(run(context))
        lines = [f"restored {file}", *(f"the previous database is in {path}" for path in kept)]
        click.echo("\n".join([*lines, *(["applied:", *applied] if applied else [])]))


main.add_command(replay.replay)
main.add_command(agent.agent)
main.add_command(agent_key.agent_key)
main.add_command(push_key.push_key)
main.add_command(import_sdr.import_sdr)


@main.group()
def people() -> None:
    """People who may sign in."""


@people.command("export")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def export_people(file: Path | None) -> None:
    """Write all people, with the hashes of their passwords, into a new FILE or to standard output.

    Each line is the body of a POST to /auth/v1/admin/users of a hosted project, where the person then signs in with the same
    password. People who are banned or deactivated here are banned there.
    """
    with open_context() as context:
        if context.home is None:
            fail("people export reads an embedded home, but DATABASE_URL is set")
        from server.embedded.people import export, summary, write

        lines = asyncio.run(export(context.owner_url))
        if file is None:
            click.echo("\n".join(lines))
        else:
            write(file, lines)
        click.echo(summary(lines), err=True)


@main.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Run psql on the configured database, as its owner."""
    with open_context() as context:
        program = str(context.home.postgres.bin("psql")) if context.home else "psql"
        try:
            address, environment = secretly(context.owner_url)
            status = subprocess.call([program, "-d", address, *arguments], env=environment)
        except FileNotFoundError:
            fail("there is no psql on this machine's PATH: install PostgreSQL's client")
        sys.exit(status)
