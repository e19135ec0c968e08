"""Keys of the agent API: made, listed and revoked at the command line."""

import asyncio
from collections.abc import Sequence

import click

from server.agents import agent_keys
from server.agents.agent_keys import AgentKey
from server.cli.context import Context, open_context
from server.kernel import db

_TITLES = ("id", "agent", "supervisor", "name", "key", "created", "last used", "state")


@click.group("agent-key")
def agent_key() -> None:
    """Keys of the agent API."""


@agent_key.command("create")
@click.option("--agent", required=True, help="The agent's id or its name, when it is unique.")
@click.option("--name", default="", help="The name of the key, such as Production.")
def create_agent_key(agent: str, name: str) -> None:
    """Print a new key of an agent, alone on the last line. It is shown only this once."""

    async def create(url: str) -> str:
        async with db.as_owner(url) as connection:
            return await agent_keys.create(connection, agent, name)

    with open_context() as context:
        click.echo(asyncio.run(create(context.owner_url)))


@agent_key.command("list")
@click.option("--agent", help="Only the keys of this agent, by its id or name.")
def list_agent_keys(agent: str | None) -> None:
    """List all keys, newest first: their agents, their last characters, and whether they are valid.

    Only hashes of keys are stored.
    """

    async def read(context: Context) -> list[AgentKey]:
        await context.reach_owner()
        async with db.as_owner(context.owner_url) as connection:
            return await agent_keys.read(connection, agent)

    with open_context() as context:
        click.echo(table([_TITLES, *map(_row, asyncio.run(read(context)))]))


@agent_key.command("revoke")
@click.argument("key", metavar="HINT_OR_ID")
@click.option("--agent", help="Only among the keys of this agent, by its id or name.")
def revoke_agent_key(key: str, agent: str | None) -> None:
    """Revoke one key at once. Its open requests end, and its next request is refused.

    HINT_OR_ID is a value that `agent-key list` shows; for a hint such as fw_…Ab3x the last four characters are enough.
    """

    async def revoke(context: Context) -> tuple[AgentKey, bool]:
        await context.reach_owner()
        async with db.as_owner(context.owner_url) as connection:
            return await agent_keys.revoke(connection, key, agent)

    with open_context() as context:
        revoked, now = asyncio.run(revoke(context))
        whose = f"key {revoked.hint} of {revoked.agent} ({revoked.supervisor}), id {revoked.id}"
        click.echo(f"revoked: {whose}" if now else f"{_state(revoked)} already: {whose}")


def _row(key: AgentKey) -> tuple[str, ...]:
    created, used = (
        f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never" for moment in (key.created_at, key.last_used_at)
    )
    return str(key.id), key.agent, key.supervisor, key.name or "-", key.hint, created, used, _state(key)


def _state(key: AgentKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d %H:%M} UTC"
    return "agent retired" if key.retired else "live"


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """The rows as lines of text, with columns of equal width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(padded)
