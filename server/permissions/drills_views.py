"""The admins' page of drills: how many a day, send one now, and how they ended."""

from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.errors import Conflict, Invalid
from server.kernel import http
from server.kernel.http import signed_in
from server.permissions import drills

_PATH = "/tool-permissions/drills"


async def index(request: Request) -> Response:
    """Supervisors with their drills a day and what became of them, and the last drills."""
    return await _page(request)


async def send(request: Request) -> Response:
    """Send a drill of the chosen template to the chosen supervisor; 409 with the page, which says why none was sent."""
    fields = await http.form(request)
    key, supervisor_id = fields.get("template", ""), _supervisor(fields.get("supervisor", ""))
    if key not in drills.TEMPLATES:
        raise Invalid("Choose one of the drills of the list.")
    try:
        async with request.state.db.as_viewer(request.state.viewer) as connection:
            await drills.send(connection, supervisor_id, key)
    except Conflict as why_not:
        return await _page(
            request, 409, fault=f"Not sent: {why_not.detail}", chosen=(str(supervisor_id), key)
        )
    return RedirectResponse(_PATH, 303)


async def plan(request: Request) -> Response:
    """Change how many drills a day one supervisor gets at most."""
    fields = await http.form(request)
    per_day = fields.get("per_day", "")
    if per_day not in map(str, range(drills.MOST + 1)):
        raise Invalid(f"A supervisor gets 0 to {drills.MOST} drills a day.")
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        await drills.set_per_day(connection, _supervisor(fields.get("supervisor", "")), int(per_day))
    return RedirectResponse(_PATH, 303)


def _supervisor(text: str) -> UUID:
    return http.identifier(text, "supervisor")


async def _page(
    request: Request, status: int = 200, *, fault: str = "", chosen: tuple[str, str] = ("", "")
) -> Response:
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        report = await drills.report(connection)
        ended = {str(row["supervisor_id"]): row for row in await drills.results(connection, drills.SPAN)}
    context: dict[str, Any] = {
        "supervisors": [(one, ended.get(one["id"])) for one in report["supervisors"]],
        "last": report["drills"],
        "templates": drills.TEMPLATES,
        "most": drills.MOST,
        "span": drills.SPAN,
        "fault": fault,
        "chosen": chosen,
    }
    return http.render(request, "permissions/drills.html", status, **context)


ROUTES = [
    Route(_PATH, signed_in(index, "admin"), methods=["GET"]),
    Route(_PATH, signed_in(send, "admin"), methods=["POST"]),
    Route(f"{_PATH}/plan", signed_in(plan, "admin"), methods=["POST"]),
]
