"""`floorwalker replay`: recorded conversations through the agent API of the running server."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import httpx

from server.cli import demo_keys
from server.cli.context import Context, fail, open_context
from server.kernel import db
from server.settings import AUTH_PATH


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=20.0,
    show_default=True,
    help="How many times as fast as recorded.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=40, show_default=True, help="How many conversations."
)
@click.option(
    "--supervisors",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="With three agents each; half voice, half chat.",
)
def replay(folder: Path, speed: float, limit: int, supervisors: int) -> None:
    """Play recorded conversations (JSON Lines in FOLDER) through the agent API of the running server.

    Sign in as the admin, or as one of the supervisors that are printed, to watch and to decide. An agent that asks for a tool
    waits for your decision, and continues without the tool after PERMISSION_SECONDS. A record that cannot be played is
    reported with its place and the reason; the others are played. The exit status is 1 when nothing could be played.
    """
    with open_context() as context:
        if context.home is None:
            fail("replay creates its own supervisors, which is possible in embedded mode only")
        try:
            count = asyncio.run(_replay(context, folder, speed, limit, supervisors))
        except FileNotFoundError as error:
            fail(str(error))
        except httpx.HTTPError as error:
            fail(
                f"no server answers at {context.settings.here} ({error}): start it, or set its HOST and PORT"
            )
    if not count:
        sys.exit(1)


async def _replay(context: Context, folder: Path, speed: float, limit: int, supervisors: int) -> int:
    """Play; return how many conversations were played to their end."""
    from server.demo import cast, recordings
    from server.demo.player import Tool
    from server.demo.replay import replay as play
    from server.embedded import sample_people

    settings = context.settings
    assert settings.supabase_secret_key is not None
    read = recordings.read(folder)
    for left_out in read.left_out:
        click.echo(f"left out: {left_out}", err=True)
    for note in read.notes:
        click.echo(f"note: {note}", err=True)
    recorded = read.scripts[:limit]
    count, cut_short = 0, 0
    if recorded:
        scripts = [one.script for one in recorded]
        secret = settings.supabase_secret_key.get_secret_value()
        password = sample_people.PASSWORD if settings.alone else None
        people = await cast.hire(settings.here + AUTH_PATH, secret, supervisors, password)
        used = [
            (step.name, step.asks) for script in scripts for step in script.steps if isinstance(step, Tool)
        ]
        async with db.as_owner(context.owner_url) as connection:
            agents = await demo_keys.create_for_replay(
                connection, [p.email for p in people], cast.tools(used)
            )
        _say_who_plays(settings.address, [person.email for person in people], password)
        played = await play(settings.here, agents, scripts, speed=speed)
        for one, how in zip(recorded, played, strict=True):
            if how.trouble:
                cut_short += 1
                when = "not started" if how.interaction_id is None else "cut short"
                click.echo(f"{when}: {one.place}: {how.trouble}", err=True)
        count = len(played) - cut_short
        metrics, asked = sum(len(one.metrics) for one in played), sum(len(one.permissions) for one in played)
        click.echo(
            f"{len(played)} interactions, {metrics} metrics, {asked} tool permissions, {cut_short} cut short"
        )
    total, left = len(read.scripts) + len(read.left_out), len(read.left_out) + cut_short
    beyond = len(read.scripts) - len(recorded)
    rest = f", {beyond} beyond --limit {limit}" if beyond else ""
    click.echo(f"{count} of {total} conversations played, {left} left out{rest}")
    return count


def _say_who_plays(address: str, emails: Sequence[str], password: str | None) -> None:
    who = f"admin@example.com or one of, password {password}" if password else "an admin; played by"
    click.echo(f"Watch at {address} as {who}:")
    click.echo("  " + ", ".join(emails))
