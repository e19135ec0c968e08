"""The live pages: first page and stream of the floor and of the wallboard."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import NotFound
from server.floor.audiences import Filters, home_of
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.http import signed_in
from server.kernel.live import Audience, Streams


async def home(request: Request) -> Response:
    """A supervisor's floor, an admin's wallboard."""
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


async def watch(request: Request, viewer: Viewer) -> list[Audience]:
    """The audiences of /stream?page=floor or wallboard. NotFound for the page of another role."""
    audiences = home_of(viewer, Filters.of(request.query_params))
    if request.query_params.get("page") != audiences[0].page.name:
        raise NotFound("There is no such page to stream.")
    return audiences


ROUTES = [Route("/", signed_in(home))]
