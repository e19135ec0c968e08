"""The leaderboard for both roles, as a page and as CSV."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import Invalid
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.db import Database
from server.kernel.db.lists import zone_of
from server.kernel.http import signed_in
from server.leaderboard import leaderboard

_TYPES = ("voice", "chat")
_PERIODS = ("today", "month")
_FIRST = 100  # rows of the page, and the viewer's own. All of thousands are at `?all` and in the CSV.


async def show(request: Request) -> Response:
    """Today or this month, voice or chat; a supervisor sees their own type first."""
    viewer: Viewer = request.state.viewer
    period = request.query_params.get("period", "month")
    kind = request.query_params.get("type", viewer.supervisor_type or "voice")
    if period not in _PERIODS or kind not in _TYPES:
        raise Invalid("The leaderboard is of today or this month, of voice or chat.")
    as_csv = request.url.path.endswith(".csv")
    first = None if as_csv or "all" in request.query_params else _FIRST
    db: Database = request.state.db
    async with db.as_viewer(viewer) as connection:
        zone = await zone_of(connection, http.zone_cookie(request))
        rows = await leaderboard.read(connection, period, zone, kind, first=first, own=viewer.id)
        scored = {} if as_csv else await leaderboard.review_scores(connection, period, zone)
    if as_csv:
        return http.csv(f"leaderboard-{kind}-{period}.csv", leaderboard.COLUMNS, rows)
    return http.render(
        request,
        "leaderboard/leaderboard.html",
        rows=rows,
        reviews={
            row["supervisor_id"]: scored[row["supervisor_id"]]
            for row in rows
            if row["supervisor_id"] in scored
        },
        period=period,
        type=kind,
        zone=zone,
        periods=_PERIODS,
    )


ROUTES = [Route("/leaderboard", signed_in(show)), Route("/leaderboard.csv", signed_in(show))]
