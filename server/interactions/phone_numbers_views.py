"""The whole number of a customer, on demand; the audit has who saw it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import Conflict
from server.interactions import interactions
from server.kernel import http
from server.kernel.db import Database
from server.kernel.http import signed_in


async def show(request: Request) -> Response:
    """The number, in this answer alone: the page masks it again."""
    interaction_id = http.identifier(request.path_params["id"], "interaction")
    db: Database = request.state.db
    number, fault, status = "", "", 200
    try:
        async with db.as_viewer(request.state.viewer) as connection:
            number = await interactions.show_number(connection, interaction_id)
    except Conflict as refusal:
        fault, status = refusal.sentence, refusal.status
    shown = {"interaction_id": interaction_id, "number": number, "fault": fault}
    if request.headers.get("hx-request"):
        return http.fragment(request, "interactions/_number.html", status, **shown)
    return http.render(request, "interactions/number.html", status, **shown)


ROUTES = [Route("/interactions/{id}/number", signed_in(show), methods=["POST"])]
