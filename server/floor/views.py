"""The live pages: first page and stream of the floor and of the wallboard."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server import web
from server.auth import Viewer
from server.errors import NotFound
from server.floor.audiences import home_of
from server.guard import signed_in, viewer_of
from server.stream import Streams, signed_out


async def home(request: Request) -> Response:
    """A supervisor's floor, an admin's wallboard."""
    viewer: Viewer = request.state.viewer
    streams: Streams = request.state.streams
    audience = home_of(viewer)
    regions = await streams.read(audience, viewer)
    return web.render(request, f"floor/{audience.page.name}.html", page=audience.page.name, regions=regions)


async def stream(request: Request) -> Response:
    """The stream of a page that this viewer may watch; for nobody one close event."""
    viewer = await viewer_of(request)
    if viewer is None:
        return signed_out()
    audience = home_of(viewer)
    if request.query_params.get("page") != audience.page.name:
        raise NotFound("There is no such page to stream.")
    streams: Streams = request.state.streams
    return streams.response(audience, viewer)


ROUTES = [Route("/", signed_in(home)), Route("/stream", stream)]
