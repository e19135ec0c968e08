"""One interaction as people see it, live and afterwards."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import NotFound
from server.interactions.pages import PAGE, audience
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.http import signed_in
from server.kernel.live import Streams


async def show(request: Request) -> Response:
    """The page of one interaction: satisfaction, timeline, tool permissions, archive. NotFound when the viewer may not see it."""
    viewer: Viewer = request.state.viewer
    interaction_id = http.identifier(request.path_params["id"], "interaction")
    streams: Streams = request.state.streams
    regions = await streams.read([audience(viewer, interaction_id)], viewer)
    if PAGE.name not in regions:
        raise NotFound("There is no such interaction.")
    query = {"page": PAGE.name, "id": str(interaction_id)}
    return http.live(request, "interactions/interaction.html", query, regions=regions)


ROUTES = [Route("/interactions/{id}", signed_in(show))]
