"""The page that finds interactions, its CSV, and the views of it that people save."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.errors import Invalid
from server.interactions import interaction_search, interactions_csv, saved_views
from server.interactions.interaction_search import Chosen, Filters
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.db import Database, Record
from server.kernel.db.lists import agents_to_choose
from server.kernel.http import signed_in

_PATH = "/interactions"
_TAGS = 3  # in a line
_LONGEST = 4000  # characters of a query
# ms that a count may take: of a filter that many rows of a large history match it takes seconds. A page waits about as long as its rows take.
_SOON, _LATE = 10, 8000


async def index(request: Request) -> Response:
    """Live interactions that match the filters in the address, then ended ones, 50 on a page."""
    query = request.query_params
    filters = Filters.of(query)
    before, after = (query.get(name, "")[:90] for name in ("before", "after"))
    part = query.get("part") == "yes"
    waits = query.get("counted") == "yes"
    within = _LATE if waits else _SOON
    db: Database = request.state.db
    viewer: Viewer = request.state.viewer
    async with db.as_viewer(viewer) as connection:
        chosen = await interaction_search.choose(connection, filters, http.zone_cookie(request))
        first = not (before or after)
        live = await interaction_search.live(connection, chosen) if first else []
        beyond = first and await interaction_search.beyond_transcripts(connection, chosen)
        agents = await agents_to_choose(connection, filters.agent)
        views = await saved_views.of_page(connection, "interactions")
    # Each by a connection of its own, and neither while this one is kept, so that pages never wait for one another's.
    found, counts = await asyncio.gather(
        _found(db, viewer, chosen, before, after, part=part),
        interaction_search.count(db, viewer, chosen, part=part, within=within),
    )
    if found.part and not part:
        counts = await interaction_search.count(db, viewer, chosen, part=True, within=within)
    newest_first = first and filters.sort == "started" and not (filters.up or found.part)
    return http.render(
        request,
        "interactions/found.html",
        live=live,
        beyond=interaction_search.TRANSCRIPTS if beyond else 0,
        rows=[
            _line(row, filters) | {"cursor": cursor}
            for row, cursor in zip(found.rows, found.cursors, strict=True)
        ],
        here=_here(filters, part=found.part),
        found=found,
        first=found.cursors[0] if newest_first and found.cursors else "",
        counts=counts,
        uncounted=counts is None and not chosen.none_ended,
        waited=waits,
        counted=interaction_search.COUNTED,
        filters=filters,
        query=urlencode(filters.chosen),
        zone=chosen.span.zone,
        agents=agents,
        views=views,
        columns=_columns(filters),
        without=lambda name, value=None: _without(filters, name, value),
        chip=lambda name, value: _chip(name, value, agents),
        most=interaction_search.PAGE,
        words=_WORDS,
        named=_NAMES,
    )


async def _found(
    db: Database, viewer: Viewer, chosen: Chosen, before: str, after: str, *, part: bool
) -> interaction_search.Found:
    async with db.as_viewer(viewer) as connection:
        return await interaction_search.find(connection, chosen, before=before, after=after, part=part)


async def counts(request: Request) -> Response:
    """How many interactions match and their averages, for a page that came without."""
    query, viewer = request.query_params, request.state.viewer
    db: Database = request.state.db
    async with db.as_viewer(viewer) as connection:
        chosen = await interaction_search.choose(connection, Filters.of(query), http.zone_cookie(request))
    part = query.get("part") == "yes"
    return http.fragment(
        request,
        "interactions/counts.html",
        counts=await interaction_search.count(db, viewer, chosen, part=part, within=_LATE),
        counted=interaction_search.COUNTED,
        uncounted=False,
        waited=True,
    )


async def newer(request: Request) -> Response:
    """How many interactions have come above the first line of a page, for a page that stays open."""
    query = request.query_params
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        chosen = await interaction_search.choose(connection, Filters.of(query), http.zone_cookie(request))
        count = await interaction_search.newer(connection, chosen, query.get("after", "")[:90])
    listed = urlencode(chosen.filters.chosen)
    first = query.get("after", "")
    return http.fragment(
        request,
        "interactions/_newer.html",
        count=count,
        query=listed,
        first=first,
        most=interaction_search.PAGE,
    )


async def export(request: Request) -> Response:
    """All ended interactions that match, as CSV, sent while they are read. Invalid for live ones, which have no file."""
    filters, viewer = Filters.of(request.query_params), request.state.viewer
    if filters.outcome == "live":
        raise Invalid("The file has interactions that have ended. Choose another outcome than live.")
    part = request.query_params.get("part") == "yes"
    db: Database = request.state.db
    async with db.as_viewer(viewer) as connection:
        chosen = await interaction_search.choose(connection, filters, http.zone_cookie(request))

    lines = interactions_csv.everything(db, viewer, chosen, part=part)
    return http.csv_lines("interactions.csv", lines)


async def save(request: Request) -> Response:
    """Keep the filters of an address under a name, for themselves or as an admin for everybody."""
    fields = await http.form(request)
    filters = Filters.of(dict(parse_qsl(fields.get("query", "")[:_LONGEST], keep_blank_values=True)))
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        await saved_views.save(
            connection,
            "interactions",
            fields.get("name", ""),
            filters.chosen,
            shared=fields.get("shared") == "yes",
        )
    return RedirectResponse(f"{_PATH}?{urlencode(filters.chosen)}", 303)


async def forget(request: Request) -> Response:
    """Delete a saved view of one's own; as an admin also a shared one."""
    view_id = http.identifier(request.path_params["id"], "saved view")
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        await saved_views.delete(connection, view_id)
    return RedirectResponse(_PATH, 303)


_WORDS = {
    "days": interaction_search.DAYS,
    "outcome": interaction_search.OUTCOMES,
    "sentiment": interaction_search.SENTIMENTS,
    "channel": interaction_search.CHANNELS,
    "issue": interaction_search.ISSUES,
    "csat": interaction_search.CSAT,
    "decision": interaction_search.DECISIONS,
    "flag": interaction_search.FLAGS,
    "test": interaction_search.TESTS,
    "sort": interaction_search.ORDERS,
}


_NAMES = {
    "q": "text", "days": "time", "since": "from", "until": "until", "agent": "agent", "supervisor": "supervisor", "channel": "channel",
    "sentiment": "sentiment", "outcome": "outcome", "topic": "topic", "tag": "tag", "issue": "with", "csat": "with", "decision": "with",
    "flag": "review", "test": "with",
}  # fmt: skip


def _here(filters: Filters, *, part: bool) -> str:
    """The list itself, as a link to one of its interactions names it."""
    return urlencode(filters.chosen | ({"part": "yes"} if part else {}))


def _without(filters: Filters, name: str, value: str | None) -> str:
    """The query of the page without this filter, or with another value of it."""
    left = {key: chosen for key, chosen in filters.chosen.items() if key != name}
    return urlencode(left if value is None else left | {name: value})


def _chip(name: str, value: str, agents: Sequence[Record]) -> str:
    """What a chosen filter is called on its chip."""
    if name == "agent":
        return next((str(one["name"]) for one in agents if str(one["id"]) == value.lower()), "another agent")
    return _WORDS.get(name, {}).get(value, value)


def _columns(filters: Filters) -> dict[str, tuple[str, str]]:
    """Each order → the query of its heading, and how it is sorted now: ascending, descending or nothing."""
    found = {}
    for order in interaction_search.ORDERS:
        now = filters.sort == order
        up = now and filters.up == "yes"
        # The first press shows the newest or the longest, and the worst scores.
        turned = not up if now else order in ("satisfaction", "csat")
        plain = {k: v for k, v in filters.chosen.items() if k not in ("sort", "up")}
        query = plain | ({"sort": order} if order != "started" else {}) | ({"up": "yes"} if turned else {})
        found[order] = (urlencode(query), ("ascending" if up else "descending") if now else "")
    return found


def _line(row: Record, filters: Filters) -> dict[str, Any]:
    """A row with what is derived of it: scores, tags and how it ended in a word."""
    series = row["series"] or row["latest"] or []
    scores = [float(point[1]) for point in series if point[1] is not None]
    archived = row["tags"] or {}
    every = [
        *(("topic", one) for one in _texts(archived.get("topics"))),
        *(("tag", one) for one in row["own_tags"]),
        *(("tag", one) for one in _texts(issue["tag"] for issue in archived.get("issues") or [])),
    ]
    # Those that the row was found by come first, so that they are seen.
    wanted = {("topic", filters.topic.lower()), ("tag", filters.tag.lower())}
    tags = sorted(dict.fromkeys(every), key=lambda one: (one[0], one[1].lower()) not in wanted)
    return {
        "row": row,
        "scores": scores,
        "tags": tags[:_TAGS],
        "further": len(tags) - _TAGS,
        "open": _open(row),
    }


def _texts(values: Any) -> list[str]:
    return [str(value) for value in values or []]


def _open(row: Record) -> bool | None:
    """Whether an issue is open; None when none is known."""
    if not row["issues"]:
        return None
    return any(issue["status"] != "resolved" for issue in row["issues"])


ROUTES = [
    Route(_PATH, signed_in(index)),
    Route(f"{_PATH}.csv", signed_in(export)),
    Route(f"{_PATH}/newer", signed_in(newer)),
    Route(f"{_PATH}/counts", signed_in(counts)),
    Route(f"{_PATH}/views", signed_in(save), methods=["POST"]),
    Route(f"{_PATH}/views/{{id}}/delete", signed_in(forget), methods=["POST"]),
]
