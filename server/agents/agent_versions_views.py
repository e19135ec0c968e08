"""Return to an earlier version of an agent."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.agents import agent_versions, agents, views
from server.errors import Invalid
from server.kernel import http
from server.kernel.db import Database
from server.kernel.http import signed_in


async def restore(request: Request) -> Response:
    """Make an earlier version the newest one; 303 to the agent. 409 when somebody else has published since it was looked at."""
    fields, agent_id = await http.form(request), views.identifier(request)
    numbers = [fields.get(name, "") for name in ("version", "newest")]
    if not all(text.isascii() and text.isdigit() and len(text) < 9 for text in numbers):
        raise Invalid("Which version?")
    version, newest = map(int, numbers)
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        await agents.lock(connection, agent_id, newest)
        made = await agent_versions.restore(connection, agent_id, version)
    return views.to(agent_id, "restored" if made != newest else "unchanged")


ROUTES = [Route("/agents/{id}/versions", signed_in(restore), methods=["POST"])]
