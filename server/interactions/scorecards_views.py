"""The page with the criteria of scorecards, which admins change."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.errors import Conflict, Invalid
from server.interactions import scorecards
from server.interactions.review_views import typed_text, whole
from server.kernel import http
from server.kernel.db import Database
from server.kernel.http import signed_in

_SPARE = 3  # empty rows of the form
_SAID = {"saved": "Saved. Interactions that are scored from now on have these criteria."}


async def show(request: Request) -> Response:
    """The present criteria, and the earlier versions; for admins with a form."""
    return await _page(request, said=_SAID.get(request.query_params.get("said", ""), ""))


async def change(request: Request) -> Response:
    """Make a new version of the criteria; a row without a name is left out."""
    fields = await http.form(request)
    rows = _rows(fields)
    db: Database = request.state.db
    try:
        criteria = [_criterion(row) for row in rows if row["name"]]
        version = whole(fields.get("version", ""), "the version of the criteria")
        async with db.as_viewer(request.state.viewer) as connection:
            await scorecards.change(connection, version, criteria)
    except (Conflict, Invalid) as refusal:
        return await _page(request, refusal.status, rows=rows, fault=refusal.sentence)
    return RedirectResponse("/scorecard?said=saved", 303)


def _rows(fields: dict[str, str]) -> list[dict[str, str]]:
    """The rows of the form as they were typed."""
    return [
        {
            name: " ".join(typed_text(fields, f"{name}_{number}").split())
            for name in ("name", "meaning", "weight")
        }
        for number in range(1, scorecards.MOST + 1)
        if f"name_{number}" in fields
    ]


def _criterion(row: Mapping[str, str]) -> dict[str, Any]:
    weight = http.whole_number(row["weight"], 3)
    if weight is None:
        raise Invalid(f"The weight of “{row['name'][:80]}” is a whole number from 1 to 100.")
    return {"name": row["name"], "meaning": row["meaning"], "weight": weight}


async def _page(
    request: Request,
    status: int = 200,
    *,
    rows: list[dict[str, str]] | None = None,
    said: str = "",
    fault: str = "",
) -> Response:
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        versions = await scorecards.versions(connection)
    if rows is None:
        rows = [{key: str(value) for key, value in one.items()} for one in versions[0]["criteria"]]
    spare = min(_SPARE, scorecards.MOST - len(rows))
    rows = [*rows, *({"name": "", "meaning": "", "weight": "1"} for _ in range(spare))]
    return http.render(
        request, "interactions/scorecard.html", status, versions=versions, rows=rows, said=said, fault=fault
    )


ROUTES = [
    Route("/scorecard", signed_in(show), methods=["GET"]),
    Route("/scorecard", signed_in(change, "admin"), methods=["POST"]),
]
