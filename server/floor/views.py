"""The first page of the floor and of the wallboard."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.floor.pages import Filters, home_of
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.http import signed_in
from server.kernel.live import Streams


async def home(request: Request) -> Response:
    """The floor of a supervisor, the wallboard of an admin."""
    viewer: Viewer = request.state.viewer
    streams: Streams = request.state.streams
    filters = Filters.of(request.query_params)
    audiences = home_of(viewer, filters)
    name = audiences[0].page.name
    return http.live(
        request,
        f"floor/{name}.html",
        {"page": name} | filters.chosen,
        filters=filters,
        regions=await streams.read(audiences, viewer),
    )


ROUTES = [Route("/", signed_in(home))]
