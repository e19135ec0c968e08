"""The leaderboard for both roles, of supervisors and of agents, as a page and as CSV."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import Invalid, NotFound
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.db import Connection, Database, Record
from server.kernel.db.lists import zone_of
from server.kernel.http import signed_in
from server.leaderboard import agent_leaderboard, leaderboard, leaderboard_trend
from server.leaderboard.leaderboard import Days

_TYPES = ("voice", "chat")
_PERIODS = {"today": "today", "month": "this month", "last_month": "last month"}
_PAGE = 50  # rows, and the one that is pinned; the CSV has all
_LONGEST = 100  # characters


@dataclass(frozen=True, slots=True)
class Choice:
    """What the address chooses. `since` and `until` are the days of the period `dates`; `by` is the measure of trend and agents."""

    type: str
    period: str
    since: str = ""
    until: str = ""
    board: str = "supervisors"
    by: str = "csat"
    open: str = ""  # the username of the supervisor whose agents are shown

    @classmethod
    def of(cls, query: QueryParams, viewer: Viewer) -> "Choice":
        """Invalid, in words, for what is no choice."""
        since, until = (query.get(name, "").strip() for name in ("since", "until"))
        period = query.get("period", "dates" if since or until else "month")
        dated = period == "dates"
        made = cls(
            type=query.get("type", viewer.supervisor_type or "voice"),
            period=period,
            since=since if dated else "",
            until=until if dated else "",
            board=query.get("board", "supervisors"),
            by=query.get("by", "csat"),
            open=query.get("open", "")[:_LONGEST].replace("\x00", ""),
        )
        if made.period not in (*_PERIODS, "dates") or made.type not in _TYPES:
            raise Invalid(
                "The leaderboard is of today, this month, last month or some days, of voice or chat."
            )
        if made.board not in ("supervisors", "agents") or made.by not in leaderboard_trend.MEASURES:
            raise Invalid(
                "The leaderboard is of supervisors or agents, by CSAT, interactions, handle time or first contact."
            )
        return made

    @property
    def days(self) -> tuple[dt.date | None, dt.date | None]:
        return _date(self.since, "first"), _date(self.until, "last")

    def query(self, **changes: str) -> str:
        """The address of this choice with these changes; what is as usual is left out."""
        made = replace(self, **changes)
        parts = {"type": made.type, "period": made.period}
        if made.period == "dates":
            parts |= {"since": made.since, "until": made.until}
        usual = {"board": "supervisors", "by": "csat", "open": ""}
        parts |= {name: getattr(made, name) for name, value in usual.items() if getattr(made, name) != value}
        return urlencode(parts)


def _date(text: str, which: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid(f"The {which} day is a date such as 2026-11-30.") from error


def _page(text: str) -> int:
    found = http.whole_number(text, 6)
    if not found:
        raise Invalid("There is no such page.")
    return found


async def show(request: Request) -> Response:
    """Some days, voice or chat; a supervisor sees their own type first."""
    viewer: Viewer = request.state.viewer
    choice = Choice.of(request.query_params, viewer)
    after = (_page(request.query_params.get("page", "1")) - 1) * _PAGE
    db: Database = request.state.db
    more: dict[str, Any] = {}
    async with db.as_viewer(viewer) as connection:
        over = await _days(request, connection, choice)
        if choice.board == "agents":
            rows = await agent_leaderboard.read(
                connection, over, choice.type, choice.by, first=_PAGE, after=after
            )
        else:
            pinned = await _pinned(connection, viewer, choice)
            rows = await leaderboard.read(connection, over, choice.type, first=_PAGE, after=after, own=pinned)
            more = await _beside(connection, viewer, choice, over, rows)
    more |= {"rows": [_texts(row) for row in rows], "after": after, "page": after // _PAGE + 1, "size": _PAGE}
    return http.render(
        request,
        f"leaderboard/{choice.board}.html",
        choice=choice,
        days=over,
        periods=_PERIODS,
        measures=leaderboard_trend.MEASURES,
        **more,
    )


async def _beside(
    connection: Connection, viewer: Viewer, choice: Choice, over: Days, rows: Sequence[Record]
) -> dict[str, Any]:
    """What the page of supervisors has beside its rows: review scores, the trend, and the agents of the row that is open."""
    scored = await leaderboard.review_scores(connection, over)
    opened = _opened(viewer, choice, rows)
    marked = opened or (viewer.id if viewer.role == "supervisor" else None)
    best = leaderboard_trend.chosen(rows, marked)
    return {
        "reviews": {
            row["supervisor_id"]: scored[row["supervisor_id"]]
            for row in rows
            if row["supervisor_id"] in scored
        },
        "trend": await leaderboard_trend.read(connection, over, best, marked, choice.by),
        "opened": opened,
        "agents": [
            _texts(row)
            for row in await agent_leaderboard.read(
                connection, over, choice.type, "interactions", supervisor=opened
            )
        ]
        if opened
        else [],
    }


def _texts(row: Record) -> dict[str, Any]:
    """A row with its numbers as the page shows them, empty for none.

    Templates find the keys of a dict at once and those of a record after a failure; formatting here takes half the time of filters.
    """
    found = dict(row)
    for name in ("csat", "fcr"):
        found[name] = "" if row[name] is None else f"{row[name]:.1f}%"
    found["aht"] = "" if row["aht"] is None else http.duration(row["aht"])
    return found


async def _pinned(connection: Connection, viewer: Viewer, choice: Choice) -> UUID | None:
    """Whose row is on every page: a supervisor's own; an admin's is the open one, whose place changes with days and type."""
    if viewer.role == "admin":
        return await leaderboard.supervisor_named(connection, choice.open) if choice.open else None
    return viewer.id


def _opened(viewer: Viewer, choice: Choice, rows: Sequence[Record]) -> UUID | None:
    """The supervisor whose row is open. NotFound for one who is not on the board, or whose agents the viewer may not see."""
    if not choice.open:
        return None
    found = next((row["supervisor_id"] for row in rows if row["username"] == choice.open), None)
    if found is None or (viewer.role != "admin" and found != viewer.id):
        raise NotFound(
            "There is no such row for you to open: supervisors open their own, admins those of the board."
        )
    opened: UUID = found
    return opened


async def _days(request: Request, connection: Connection, choice: Choice) -> Days:
    zone = await zone_of(connection, http.zone_cookie(request))
    return await leaderboard.days(connection, choice.period, *choice.days, zone)


async def export(request: Request) -> Response:
    """All rows of the page as CSV; of supervisors with the review scores that the viewer may see."""
    viewer: Viewer = request.state.viewer
    choice = Choice.of(request.query_params, viewer)
    db: Database = request.state.db
    async with db.as_viewer(viewer) as connection:
        over = await _days(request, connection, choice)
        if choice.board == "agents":
            agents = await agent_leaderboard.read(connection, over, choice.type, choice.by)
            return http.csv(f"agents-{_name(choice, over)}.csv", agent_leaderboard.COLUMNS, agents)
        rows = await leaderboard.read(connection, over, choice.type)
        scored = await leaderboard.review_scores(connection, over)
    columns = (*leaderboard.COLUMNS, *leaderboard.REVIEW_COLUMNS)
    return http.csv(
        f"leaderboard-{_name(choice, over)}.csv", columns, [_reviewed(row, scored) for row in rows]
    )


def _name(choice: Choice, over: Days) -> str:
    return f"{choice.type}-{f'{over.first}-{over.last}' if choice.period == 'dates' else choice.period}"


def _reviewed(row: Record, scored: dict[UUID, Record]) -> dict[str, Any]:
    """A row with its review score, rounded as on the page; both cells are empty without one."""
    review = scored.get(row["supervisor_id"])
    values = (round(review["average"]), review["scored"]) if review else (None, None)
    return dict(row) | dict(zip(leaderboard.REVIEW_COLUMNS, values, strict=True))


ROUTES = [Route("/leaderboard", signed_in(show)), Route("/leaderboard.csv", signed_in(export))]
