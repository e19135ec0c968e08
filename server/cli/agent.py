"""Agents at the command line: made, listed, their tools, and the wait for the first call."""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import TextIO
from uuid import UUID

import click

from server.agents import agent_keys, agents, mcp_tools, setup_steps
from server.agents.agents import Draft
from server.cli.agent_key import table
from server.cli.context import Context, fail, open_context
from server.errors import Invalid, NotFound
from server.kernel import db
from server.kernel.db import Record

_LOOK = 0.5  # seconds between two looks at what has arrived
_TITLES = ("id", "agent", "supervisor", "channel", "slot", "state", "version", "tools")


@click.group("agent")
def agent() -> None:
    """Agents, as the pages under /agents make them."""


@agent.command("create")
@click.argument("name")
@click.option("--supervisor", required=True, help="The username of the supervisor.")
@click.option(
    "--prompt", type=click.File("r", encoding="utf-8"), help="A file with the prompt; - is standard input."
)
@click.option("--description", default="", help="What it is for.")
@click.option("--first-message", default="", help="What it says first.")
@click.option("--language", default="en", show_default=True)
@click.option(
    "--tools",
    type=click.File("r", encoding="utf-8"),
    help="A file with its tools, in the JSON of the specification.",
)
@click.option("--key", help="Make a key of this name as well, and print it alone on the last line.")
def create_agent(
    name: str, supervisor: str, prompt: TextIO | None, description: str, first_message: str, language: str,
    tools: TextIO | None, key: str | None,
) -> None:  # fmt: skip
    """Make an agent of a supervisor; print its id. When a part is refused, nothing was made."""
    draft = Draft.new()
    draft.fields |= {
        "name": name,
        "description": description,
        "first_message": first_message,
        "language": language,
    }
    draft.fields["system_prompt"] = _text(prompt) or ""
    values = draft.values
    for field, fault in draft.faults.items():
        if fault:
            raise click.BadParameter(f"{field}: {fault}")
    text = _text(tools)

    async def create(context: Context) -> tuple[UUID, str | None]:
        await context.reach_owner()
        async with db.as_owner(context.owner_url, reads_json=True) as connection:
            people = await agents.supervisors(connection)
            owner = next((one for one in people if one["username"] == supervisor), None)
            if owner is None:
                raise NotFound(f"there is no active supervisor {supervisor!r}")
            made = await agents.create(connection, values, owner["id"], owner["supervisor_type"])
            if text is not None:
                await mcp_tools.imported(connection, made, text, all_of_them=True, confirmed=True)
            return made, await agent_keys.create_for(connection, made, name=key) if key is not None else None

    with open_context() as context:
        made, secret = asyncio.run(create(context))
    click.echo("\n".join(filter(None, [str(made), secret])))


@agent.command("list")
@click.option("--supervisor", default="", help="Only the agents of this username.")
def list_agents(supervisor: str) -> None:
    """List agents that are in use, and templates."""

    async def read(context: Context) -> Sequence[Record]:
        await context.reach_owner()
        async with db.as_owner(context.owner_url, reads_json=True) as connection:
            return await agents.listed(connection, {"supervisor": supervisor})

    with open_context() as context:
        rows = [
            (str(one["id"]), one["name"], one["supervisor"] or "-", one["agent_type"], str(one["slot"] or "-"), one["state"],
             str(one["version"] or "-"), str(one["tools"]))
            for one in asyncio.run(read(context))
        ]  # fmt: skip
    click.echo(table([_TITLES, *rows]))


@agent.command("tools")
@click.argument("name", metavar="AGENT")
@click.option(
    "--import",
    "source",
    type=click.File("r", encoding="utf-8"),
    help="A file with tools; - is standard input.",
)
@click.option("--replace", is_flag=True, help="Remove the tools that the file does not name.")
def tools_of_agent(name: str, source: TextIO | None, *, replace: bool) -> None:
    """Print the tools of AGENT, an id or a unique name, in the JSON of the specification; or import them from a file.

    A file is imported whole or not at all. No secret of a tool is printed.
    """
    if replace and source is None:
        raise click.UsageError("--replace belongs to --import.")
    text = _text(source)

    async def run(context: Context) -> str:
        await context.reach_owner()
        async with db.as_owner(context.owner_url, reads_json=True) as connection:
            found = await agents.named(connection, name)
            if text is None:
                return json.dumps(
                    await mcp_tools.exported(connection, found["id"]), indent=2, ensure_ascii=False
                )
            count = await mcp_tools.imported(
                connection, found["id"], text, all_of_them=replace, confirmed=True
            )
            return f"imported {count} tool{'' if count == 1 else 's'} of {found['name']}"

    with open_context() as context:
        click.echo(asyncio.run(run(context)))


@agent.command("first-call")
@click.argument("name", metavar="AGENT")
@click.option(
    "--timeout", type=click.FloatRange(min=0), help="Seconds after which to stop; the agent goes on waiting."
)
def first_call(name: str, timeout: float | None) -> None:
    """Wait for the first call of AGENT, an id or a unique name: print each step as it arrives, and each refused request.

    Until the first decision has reached the agent, its interactions are tests, which no number includes. The exit status is
    1 when it has not come in time.
    """
    with open_context() as context:
        done = asyncio.run(_watch(context, name, timeout))
    sys.exit(0 if done else 1)


def _text(file: TextIO | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read()
    except UnicodeDecodeError:
        fail(f"{file.name} is not UTF-8 text")


async def _watch(context: Context, name: str, seconds: float | None) -> bool:
    await context.reach_owner()
    async with db.as_owner(context.owner_url, reads_json=True) as connection:
        found = await agents.named(connection, name)
        if found["supervisor_id"] is None:
            raise Invalid("a template takes no interaction")
        await setup_steps.begin(connection, found["id"])
    click.echo(f"Waiting for the first call of {found['name']} at {context.settings.address}/api/v1")
    told: set[object] = set()
    try:
        async with asyncio.timeout(seconds):
            while True:
                async with db.as_owner(context.owner_url, reads_json=True) as connection:
                    steps, refused, waits = await setup_steps.arrived(connection, found["id"])
                for step, at in steps.items():
                    if step not in told:
                        click.echo(f"✓ {setup_steps.STEPS[step]}, {at:%H:%M:%S} UTC")
                if refused and refused not in told:
                    click.echo(f"✗ A request was refused, {refused[0]:%H:%M:%S} UTC: {refused[1]}")
                told |= {*steps, refused}
                if not waits:
                    return True
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        return False
