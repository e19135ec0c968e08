"""The print view of one interaction, complete enough to be given to somebody."""

import datetime as dt
from collections.abc import Callable

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
        found = await printed.read(connection, interaction_id)
        shown = await review.of(connection, interaction_id, viewer)
        noted = await printed.noted(
            connection, interaction_id, [note["line"] for note in shown["notes"] if note["line"]]
        )
        moments = [*found.moments, *printed.moments_of(shown), *(line["at"] for line in noted.values())]
        local = await printed.local(connection, moments, zone)
    look = http.look_of(request)
    start = local[found.head["started_at"]]
    on, at = _writers(local, look.clock if look else "24", start)
    return http.render(
        request,
        "interactions/print.html",
        one=found.head,
        lines=found.lines,
        further=found.further,
        most=printed.MOST,
        noted=noted,
        review=shown,
        states=review.STATES,
        answers=review.ANSWERS,
        on=on,
        at=at,
        zone=zone,
        offset=_offset(start.utcoffset()),
    )


Writer = Callable[[dt.datetime | str], str]


def _writers(local: dict[dt.datetime, dt.datetime], clock: str, start: dt.datetime) -> tuple[Writer, Writer]:
    """How the print writes a moment with its day; and one of the transcript, without the day of the start.

    Where clocks have been set since the start, two hours may have one name: then the moment has its distance from UTC.
    """

    def written(moment: dt.datetime | str, *, whole: bool) -> str:
        there = local[dt.datetime.fromisoformat(moment) if isinstance(moment, str) else moment]
        text = http.clock_time(there, clock)
        if whole or there.date() != start.date():
            text = f"{there:%Y-%m-%d} {text}"
        return text if there.utcoffset() == start.utcoffset() else f"{text} {_offset(there.utcoffset())}"

    return (lambda moment: written(moment, whole=True)), (lambda moment: written(moment, whole=False))


def _offset(distance: dt.timedelta | None) -> str:
    """UTC+02:00"""
    minutes = round((distance or dt.timedelta()).total_seconds() / 60)
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


ROUTES = [Route("/interactions/{id}/print", signed_in(show))]
