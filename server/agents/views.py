"""What people do with agents: pause and resume."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server import web
from server.agents import agents
from server.db import Database
from server.errors import Invalid, NotFound
from server.guard import signed_in


async def pause(request: Request) -> Response:
    """Pause (`paused` = yes) or resume (no) an agent; its card follows through the stream."""
    wanted = (await web.form(request)).get("paused")
    if wanted not in ("yes", "no"):
        raise Invalid("paused is yes or no.")
    try:
        agent_id = UUID(request.path_params["id"])
    except ValueError:
        raise NotFound("There is no such agent.") from None
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        await agents.pause(connection, agent_id, paused=wanted == "yes")
    return Response(status_code=204) if request.headers.get("hx-request") else RedirectResponse("/", 303)


ROUTES = [Route("/agents/{id}/pause", signed_in(pause), methods=["POST"])]
