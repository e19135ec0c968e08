"""The guided set-up: a supervisor, an agent, its tools, its key, and the first call that arrives."""

import json
import shlex
from collections.abc import Sequence
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.agents import agent_keys, agent_tools, agents, mcp_tools, setup_steps, views
from server.agents.pages import PAGE, audience
from server.errors import Conflict, Invalid
from server.kernel import http
from server.kernel.db import Database, Record
from server.kernel.http import PREFIX, signed_in
from server.kernel.live import Streams

_UNKNOWN_TOOL = "issue_refund"  # a tool that the agent does not have always asks
_CALLER = "+14155550123"


async def supervisor(request: Request) -> Response:
    """The first step: whose agent it will be. Without any supervisor, the form for a new one."""
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        found = await agents.supervisors(connection)
    free = [one for one in found if one["agents"] < 3]
    if not free:
        return RedirectResponse("/people/new?then=setup", 303)
    return http.render(request, "agents/setup.html", supervisors=free)


async def tools(request: Request) -> Response:
    """The third step: the tools of the agent."""
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        agent = await agents.in_use(connection, views.identifier(request))
        if agent["supervisor_id"] is None:
            raise Conflict("A template has no first call. Make a clone of it.")
        found = await agent_tools.listed(connection, agent["id"])
    return http.render(request, "agents/setup_tools.html", agent=agent, tools=found, modes=agent_tools.MODES)


async def wait(request: Request) -> Response:
    """Begin (`waiting` = yes) or end (no) the wait for the first call; 303 to the page that waits, or to the agent."""
    wanted = (await http.form(request)).get("waiting")
    if wanted not in ("yes", "no"):
        raise Invalid("waiting must be yes or no.")
    agent_id = views.identifier(request)
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        await setup_steps.wait(connection, agent_id, waiting=wanted == "yes")
    if wanted == "no":
        return views.to(agent_id, "finished")
    return RedirectResponse(f"/agents/{agent_id}/first-call", 303)


async def first_call(request: Request) -> Response:
    """The page that waits for the first call."""
    return await waiting_page(request, views.identifier(request))


async def waiting_page(request: Request, agent_id: UUID, *, new_key: str = "") -> Response:
    """The page that waits for the first call of this agent; with `new_key`, a key that was just made.

    Conflict when the agent does not wait and never did.
    """
    db: Database = request.state.db
    streams: Streams = request.state.streams
    async with db.as_viewer(request.state.viewer) as connection:
        agent = await agents.find(connection, agent_id)
        if agent["setup_began_at"] is None:
            raise Conflict("This agent does not wait for a first call. Its page begins the wait.")
        keys = await agent_keys.listed(connection, agent_id)
        found = await agent_tools.listed(connection, agent_id)
    regions = await streams.read([audience(agent_id)], request.state.viewer)
    return http.live(
        request,
        "agents/first_call.html",
        {"page": PAGE.name, "id": str(agent_id)},
        agent=agent,
        new_key=new_key,
        key_id=uuid4(),
        keys=[key for key in keys if key["revoked_at"] is None],
        example=_example(agent, found),
        api=request.state.settings.address + PREFIX,
        regions=regions,
        language="python" if request.query_params.get("with") == "python" else "curl",
    )


def _example(agent: Record, tools: Sequence[Record]) -> dict[str, str]:
    """The bodies of the first call, as shell words and as Python."""
    tool = next((one for one in tools if one["mode"] == "asks"), None)
    start = {"interaction_type": agent["agent_type"]}
    if agent["agent_type"] == "voice":
        start["phone_number"] = _CALLER
    metric = {"sentiment": "good", "satisfaction_score": 82, "feed_text": "Hello from the first call"}
    asked = {
        "tool_name": tool["tool_name"] if tool else _UNKNOWN_TOOL,
        "arguments": mcp_tools.example(tool) if tool else {"order_id": "A-1001", "amount": 12.5},
    }
    bodies = {"start": start, "metric": metric, "asked": asked}
    return {name: shlex.quote(json.dumps(body)) for name, body in bodies.items()} | {
        f"{name}_python": repr(body) for name, body in bodies.items()
    }


ROUTES = [
    Route("/setup", signed_in(supervisor, "admin")),
    Route("/agents/{id}/setup/tools", signed_in(tools, "admin")),
    Route("/agents/{id}/first-call", signed_in(first_call, "admin"), methods=["GET"]),
    Route("/agents/{id}/first-call", signed_in(wait, "admin"), methods=["POST"]),
]
