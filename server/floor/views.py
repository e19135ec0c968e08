"""The first page of the floor and of the wallboard, and what a quiet floor shows of today."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import NotFound
from server.floor import performance_sums
from server.floor.pages import home_of, is_quiet
from server.floor.wallboard import ORDERS, Filters
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.http import signed_in
from server.kernel.live import Streams

_BUSY: dict[str, Any] = {"today": None, "zone": "", "bars": []}


async def home(request: Request) -> Response:
    """The floor of a supervisor, the wallboard of an admin."""
    viewer: Viewer = request.state.viewer
    streams: Streams = request.state.streams
    filters = Filters.of(request.query_params)
    audiences = home_of(viewer, filters)
    name = audiences[0].page.name
    regions = await streams.read(audiences, viewer)
    return http.live(
        request,
        f"floor/{name}.html",
        {"page": name} | filters.chosen,
        filters=filters,
        orders=ORDERS,
        regions=regions,
        **(await _today(request) if is_quiet(regions) else _BUSY),
    )


async def today(request: Request) -> Response:
    """The panel of a quiet floor: since midnight in the zone of the viewer's browser. NotFound for an admin, who has no floor."""
    viewer: Viewer = request.state.viewer
    if viewer.role == "admin":
        raise NotFound("An admin has no floor.")
    return http.fragment(request, "floor/_today.html", **await _today(request))


async def _today(request: Request) -> dict[str, Any]:
    return await performance_sums.today(request.state.db, request.state.viewer, http.zone_cookie(request))


ROUTES = [Route("/", signed_in(home)), Route("/today", signed_in(today))]
