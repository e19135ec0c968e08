"""One interaction as people see it, live and afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import NotFound
from server.interactions import (
    interaction_flags_views,
    interaction_notes_views,
    interaction_scores_views,
    interaction_search,
    interaction_tags_views,
    phone_numbers_views,
    printed_views,
    review,
    scorecards_views,
    timeline,
)
from server.interactions.interaction_search import Filters
from server.interactions.pages import PAGE, audience
from server.interactions.review_views import context
from server.interactions.timeline import Course
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.db import Connection, Database, Record
from server.kernel.db.lists import zone_of
from server.kernel.http import Partials, signed_in
from server.kernel.live import Streams, alerts_for

_LONGEST = 4000  # characters of the query of a list


@dataclass(frozen=True, slots=True)
class From:
    """The list that a person comes from: its query, and the addresses of its neighbours; all empty for none."""

    query: str = ""
    previous: str = ""
    next: str = ""


async def show(request: Request) -> Response:
    """The page of one interaction: satisfaction, transcript, tool permissions, archive. NotFound when the viewer may not see it."""
    viewer: Viewer = request.state.viewer
    interaction_id = http.identifier(request.path_params["id"], "interaction")
    streams: Streams = request.state.streams
    regions = await streams.read([audience(viewer, interaction_id), alerts_for(viewer)], viewer)
    if PAGE.name not in regions:
        raise NotFound("There is no such interaction.")
    db: Database = request.state.db
    async with db.as_viewer(viewer) as connection:
        came_from = await _from(request, connection)
        zone = await zone_of(connection, http.zone_cookie(request))
        found = await review.of(connection, interaction_id, viewer, zone)
    query = {"page": PAGE.name, "id": str(interaction_id)}
    look = http.look_of(request)
    when = f"{found['started']:%b %-d, %Y}, {http.clock_time(found['started'], look.clock if look else '24', seconds=False)} {zone}"
    shown = {"regions": regions, "name": regions["title"], "when": when, "came_from": came_from}
    return http.live(request, "interactions/interaction.html", query, **shown, **context(found))


async def lines(request: Request) -> Response:
    """The lines before a cursor, at most as many as the page itself has; for htmx the partial alone."""
    interaction_id = http.identifier(request.path_params["id"], "interaction")
    before = timeline.cursor(request.query_params.get("before", ""))
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        one = await timeline.head(connection, interaction_id)
        entries = await timeline.earlier(connection, interaction_id, before)
    course: Course = {"start": one["start"], "end": None, "scores": one["scores"], "rulings": one["rulings"]}
    found = timeline.lines(entries, course, Partials())
    shown_lines: dict[str, Any] = {"one": one, "lines": found.lines, "earlier": found.earlier}
    if request.headers.get("hx-request"):
        return http.fragment(request, "interactions/_lines.html", **shown_lines)
    return http.render(request, "interactions/lines.html", **shown_lines)


async def _from(request: Request, connection: Connection) -> From:
    """The list that the address names. Invalid for a list that is none."""
    query = request.query_params.get("list", "")[:_LONGEST]
    place = request.query_params.get("place", "")[:90]
    if not place:
        return From(query)
    given: Mapping[str, str] = dict(parse_qsl(query, keep_blank_values=True))
    chosen = await interaction_search.choose(connection, Filters.of(given), http.zone_cookie(request))
    part = given.get("part") == "yes"
    above, below = await interaction_search.neighbours(connection, chosen, place, part=part)
    return From(query, _address(above, query), _address(below, query))


def _address(place: Record | None, query: str) -> str:
    if place is None:
        return ""
    within = {"list": query, "place": interaction_search.cursor_of(place)}
    return f"/interactions/{place['interaction_id']}?{urlencode(within)}"


ROUTES = [
    Route("/interactions/{id}", signed_in(show)),
    Route("/interactions/{id}/lines", signed_in(lines)),
    *interaction_notes_views.ROUTES,
    *interaction_flags_views.ROUTES,
    *interaction_tags_views.ROUTES,
    *interaction_scores_views.ROUTES,
    *scorecards_views.ROUTES,
    *phone_numbers_views.ROUTES,
    *printed_views.ROUTES,
]
