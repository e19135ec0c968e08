"""The print view of one interaction, complete enough to be given to somebody."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.interactions import printed, review
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.db import Database
from server.kernel.db.lists import zone_of
from server.kernel.http import signed_in


async def show(request: Request) -> Response:
    """Numbers, transcript, decisions, archive and review, with the number masked, in the zone of the viewer."""
    viewer: Viewer = request.state.viewer
    interaction_id = http.identifier(request.path_params["id"], "interaction")
    db: Database = request.state.db
    async with db.as_viewer(viewer) as connection:
        zone = await zone_of(connection, http.zone_cookie(request))
        found = await printed.read(connection, interaction_id, zone)
        shown = await review.of(connection, interaction_id, viewer)
        local = await printed.local(connection, printed.moments_of(shown), zone)
    return http.render(
        request,
        "interactions/print.html",
        one=found.head,
        lines=found.lines,
        further=found.further,
        most=printed.TURNS,
        review=shown,
        states=review.STATES,
        answers=review.ANSWERS,
        local=local,
        zone=zone,
    )


ROUTES = [Route("/interactions/{id}/print", signed_in(show))]
