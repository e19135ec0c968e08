"""Pause and resume an agent; for admins, move and retire it."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.agents import agents
from server.errors import Invalid
from server.kernel import http
from server.kernel.db import Database
from server.kernel.http import signed_in


async def pause(request: Request) -> Response:
    """Pause (`paused` = yes) or resume (no) an agent. The stream then updates its card."""
    wanted = (await http.form(request)).get("paused")
    if wanted not in ("yes", "no"):
        raise Invalid("paused must be yes or no.")
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        await agents.pause(connection, _agent(request), paused=wanted == "yes")
    return Response(status_code=204) if request.headers.get("hx-request") else RedirectResponse("/", 303)


async def move(request: Request) -> Response:
    """Move an agent to another supervisor of its type; 303 to the page of the previous one."""
    wanted = (await http.form(request)).get("supervisor_id", "")
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        before = await agents.move(connection, _agent(request), http.identifier(wanted, "supervisor"))
    return RedirectResponse(f"/people/{before}?said=moved", 303)


async def retire(request: Request) -> Response:
    """Retire an agent, which frees its slot; 303 to the page of its supervisor."""
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        supervisor = await agents.retire(connection, _agent(request))
    return RedirectResponse(f"/people/{supervisor}?said=retired", 303)


def _agent(request: Request) -> UUID:
    return http.identifier(request.path_params["id"], "agent")


ROUTES = [
    Route("/agents/{id}/pause", signed_in(pause), methods=["POST"]),
    Route("/agents/{id}/move", signed_in(move, "admin"), methods=["POST"]),
    Route("/agents/{id}/retirement", signed_in(retire, "admin"), methods=["POST"]),
]
