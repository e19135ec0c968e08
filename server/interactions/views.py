"""One interaction as people see it, live and afterwards: the page and its stream."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import NotFound
from server.interactions import interactions
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.http import Partials, cut, html_size, signed_in
from server.kernel.live import Audience, Page, Regions, Streams, queue

_CARDS = 150_000  # bytes of HTML, beside the timeline
_MOST = 300  # entries that the database gives
# Bytes of HTML: of all entries, of one, and of what is around its text.
_TIMELINE, _ENTRY, _AROUND = 100_000, 8_000, 200


def _regions(shown: Mapping[str, Any] | None, partials: Partials) -> Regions:
    if shown is None:
        return {}
    one = shown["interaction"]
    found = {
        "interaction": {"one": one, "scores": shown["scores"]},
        "timeline": {"one": one, **_fitting(shown["timeline"])},
        "archive": {"one": one, "archive": shown["archive"], "broken_by": shown["broken_by"]},
    }
    return {
        "tool-permissions": queue(shown, partials, over=one["status"] != "active", most=_CARDS),
        **{
            region: partials(region, f"interactions/_{region}.html", **context)
            for region, context in found.items()
        },
    }


def _fitting(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The newest entries of a timeline, as many as a page has room for, and whether there are others."""
    left, kept = _TIMELINE, []
    for entry in reversed(entries):
        text = cut(entry["text"] or "", _ENTRY)
        left -= html_size(text) + _AROUND
        if left < 0:
            break
        kept.append({**entry, "text": text})
    return {"timeline": kept[::-1], "more": len(entries) == _MOST or len(kept) < len(entries)}


PAGE = Page(
    "interaction",
    frozenset(
        {"interactions", "realtime_metrics", "interaction_turns", "tool_permissions", "interaction_archives"}
    ),
    frozenset({"tool_permissions"}),
    0.5,
    0.025,
    _regions,
)


def audience(viewer: Viewer, interaction_id: UUID, supervisor_id: UUID | None = None) -> Audience:
    """Who watches this interaction with the same rights, for as long as it is this supervisor's, whose rows ring it."""
    arguments = {"interaction_id": str(interaction_id), "role": viewer.role}
    if supervisor_id is not None:
        arguments["supervisor_id"] = str(supervisor_id)
    return Audience(PAGE, str(supervisor_id), json.dumps(arguments))


async def watch(request: Request, viewer: Viewer) -> list[Audience]:
    """The audience of /stream?page=interaction&id=… NotFound when it is another supervisor's or unknown."""
    interaction_id, db = http.identifier(request.query_params.get("id", ""), "interaction"), request.state.db
    async with db.as_viewer(viewer) as connection:
        supervisor_id = await interactions.supervisor_of(connection, interaction_id)
    return [audience(viewer, interaction_id, supervisor_id)]


async def show(request: Request) -> Response:
    """Numbers, course, timeline, permissions, archive."""
    viewer: Viewer = request.state.viewer
    interaction_id = http.identifier(request.path_params["id"], "interaction")
    streams: Streams = request.state.streams
    regions = await streams.read([audience(viewer, interaction_id)], viewer)
    if PAGE.name not in regions:
        raise NotFound("There is no such interaction.")
    query = {"page": PAGE.name, "id": str(interaction_id)}
    return http.live(request, "interactions/interaction.html", query, regions=regions)


ROUTES = [Route("/interactions/{id}", signed_in(show))]
