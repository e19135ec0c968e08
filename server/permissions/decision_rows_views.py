"""The history of tool permissions: the list, CSV, one decision, standing approvals, and how long decisions took."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.kernel import http
from server.kernel.db import Connection, Database, Record
from server.kernel.db.lists import Span, agents_to_choose, span_of
from server.kernel.http import signed_in
from server.kernel.live import amount_of, unusual
from server.permissions import decision_rows, drills
from server.permissions.decision_rows import Filters

_INDENTED = 50_000  # characters
_FIRST = 4  # arguments of a line


async def index(request: Request) -> Response:
    """The tool permissions that match the filters in the address, the newest first; 50 on a page."""
    filters = Filters.of(request.query_params)
    before, after = (request.query_params.get(name, "")[:60] for name in ("before", "after"))
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        span = await _span(request, connection, filters)
        rows, more = await decision_rows.listed(
            connection, _narrowed(request, filters), span, before=before, after=after
        )
        agents = await agents_to_choose(connection, filters.agent)
    older = (more or bool(after)) and bool(rows)
    newer = (bool(before) or (bool(after) and more)) and bool(rows)
    return http.render(
        request,
        "permissions/history.html",
        rows=[_line(row) for row in rows],
        filters=filters,
        query=urlencode(filters.chosen),
        agents=agents,
        older=decision_rows.cursor_of(rows[-1]) if older else "",
        newer=decision_rows.cursor_of(rows[0]) if newer else "",
        zone=span.zone,
        **_words(),
    )


async def export(request: Request) -> Response:
    """All tool permissions that match, as CSV, sent while they are read."""
    filters, viewer = _narrowed(request, Filters.of(request.query_params)), request.state.viewer
    db: Database = request.state.db
    async with db.as_viewer(viewer) as connection:
        span = await _span(request, connection, filters)

    async def rows() -> AsyncIterator[list[dict[str, Any]]]:
        async for batch in decision_rows.everything(db, viewer, filters, span):
            yield [{**row, "customer": http.mask_phone(row["phone_number"], row["caller"])} for row in batch]

    return http.csv_stream("tool-permissions.csv", decision_rows.COLUMNS, rows())


async def times(request: Request) -> Response:
    """How long decisions took, for each supervisor, agent and tool, over the same filters."""
    filters = Filters.of(request.query_params)
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        span = await _span(request, connection, filters)
        found = await decision_rows.times(connection, filters, span)
        attention = await decision_rows.attention(connection, filters, span)
        ended = await drills.results(connection, drills.SPAN)
        agents = await agents_to_choose(connection, filters.agent)
    query = urlencode(filters.chosen)
    return http.render(
        request,
        "permissions/times.html",
        found=found,
        attention=attention,
        drills=ended,
        span=drills.SPAN,
        filters=filters,
        query=query,
        with_filter=lambda name, value: urlencode(filters.chosen | {name: value}),
        agents=agents,
        **_words(),
    )


async def grants(request: Request) -> Response:
    """Standing approvals in force and those of the last day, with their uses."""
    before = request.query_params.get("before", "")[:60]
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        found, older = await decision_rows.grants(connection, before)
    return http.render(
        request, "permissions/standing_approvals.html", grants=_numbered(found), before=before, older=older
    )


def _numbered(grants: Sequence[Record]) -> list[dict[str, Any]]:
    """With a number for those of one tool and agents of one name, so that no two buttons have the same name."""
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for grant in grants:
        named = (grant["tool_name"], grant["agent_name"])
        seen[named] += 1
        found.append(dict(grant) | {"turn": seen[named]})
    return found


async def decision_page(request: Request, permission_id: UUID, found: dict[str, Any]) -> Response:
    """One decision: arguments, what the person saw, the standing approval, execution and result."""
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        row = await decision_rows.find(connection, permission_id)
    last = None if row["last_arguments"] is None else http.arguments(row["last_arguments"])
    rows = http.argument_rows(found["arguments"], last)
    result = json.dumps(row["execution_result"], indent=1, ensure_ascii=False)
    return http.render(
        request,
        "permissions/decision.html",
        p=found,
        row=row,
        text=indented(found["arguments"]),
        result=result[:_INDENTED],
        argument_rows=rows,
        changes=sum(bool(one.change) for one in rows),
        unusual=None if row["rule"] else unusual(found["arguments"], row["usual_amount"]),
        other_rows=_other(row, found["arguments"]),
        late=_not_executed(row),
        wait=_waited(row),
        **_words(),
    )


def indented(arguments: dict[str, Any]) -> str:
    """Arguments as JSON, in lines unless these would be mostly blanks, as of JSON that is nested a hundred deep."""
    text = json.dumps(arguments, indent=1)
    return text if len(text) <= _INDENTED else json.dumps(arguments)


def _other(row: Record, before: dict[str, Any]) -> list[http.ArgumentRow]:
    """What a person changed or proposed, beside what was asked; none where nothing was."""
    text = row["changed_arguments"] or row["proposed_arguments"]
    return [one for one in http.argument_rows(http.arguments(text), before) if one.change] if text else []


def _not_executed(row: Record) -> bool:
    """Whether it was allowed, and the agent did not come back in time to run the tool."""
    return bool(row["executed"] == "not" and row["execute_before"] < http.now())


def _waited(row: Record) -> float | None:
    """Seconds that the agent waited. A request that expired while no server ran was over at its end all the same."""
    if row["responded_at"] is None:
        return None
    return float((min(row["responded_at"], row["expires_at"]) - row["requested_at"]).total_seconds())


def _line(row: Record) -> dict[str, Any]:
    """A row with what it was allowed to run, else what was asked: its amount and its first arguments. And how long it waited, in seconds."""
    found = http.arguments(row["changed_arguments"] or row["arguments"])
    asked = amount_of(http.arguments(row["arguments"])) if row["changed_arguments"] else None
    amount = amount_of(found)
    first = [f"{one.name} {one.text}" for one in http.first_arguments(found, _FIRST) if one.text]
    return {
        "row": row,
        "amount": amount,
        "was": asked if asked != amount else None,
        "summary": ", ".join(first),
        "wait": _waited(row),
        "late": row["late"],
    }


def _narrowed(request: Request, filters: Filters) -> Filters:
    """With the supervisor who asks. The policy says the same, but the planner does not know how few rows that leaves, and reads everybody's by time."""
    viewer = request.state.viewer
    own = viewer.role == "supervisor" and not filters.supervisor
    return replace(filters, supervisor=viewer.username) if own else filters


async def _span(request: Request, connection: Connection, filters: Filters) -> Span:
    return await span_of(connection, filters.days, filters.since, filters.until, http.zone_cookie(request))


def _words() -> dict[str, Any]:
    return {
        "statuses": decision_rows.STATUSES,
        "how": decision_rows.HOW,
        "executions": decision_rows.EXECUTED,
        "spans": decision_rows.DAYS,
    }


ROUTES = [
    Route("/tool-permissions", signed_in(index)),
    Route("/tool-permissions.csv", signed_in(export)),
    Route("/tool-permissions/times", signed_in(times)),
    Route("/tool-permissions/standing-approvals", signed_in(grants)),
]
