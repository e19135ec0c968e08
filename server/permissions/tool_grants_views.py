"""The form with which a person gives a standing approval, and the button that revokes it."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from server.errors import Invalid
from server.kernel import http
from server.kernel.db import Record
from server.kernel.http import signed_in
from server.kernel.live import card, shown
from server.permissions import tool_grants, tool_permissions
from server.permissions.tool_grants import Scope
from server.permissions.views import digest_of, refusal, tell_agent

_FORM = "permissions/_standing_approval.html"
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,6})?", re.ASCII)
_USES, _MINUTES = (1, 3, 5, 10), (10, 30, 60, 120)
_FREED = 30  # arguments that may differ; a person has to read their names
_PROPOSED = {"scope": "exact", "uses": "3", "minutes": "30"}


async def offer(request: Request) -> Response:
    """The form for a request; 409 with its card when it can no longer be decided."""
    row, replaces = await _read(request)
    if row["status"] != "pending" or row["held_until"]:
        return refused(request, row, refusal(row))
    return _form(request, row, replaces, _PROPOSED)


async def give(request: Request) -> Response:
    """Allow the request and give the standing approval of the form.

    200 with the new card, 409 with the card as it is, 422 with the form and its errors.
    """
    fields = await http.form(request)
    digest = digest_of(fields)
    row, replaces = await _read(request)
    if row["status"] != "pending" or row["held_until"] or row["arguments_digest"] != digest:
        return refused(request, row, refusal(row))
    permission_id = http.identifier(request.path_params["id"], "tool permission")
    try:
        with request.state.recorder.giving_way():
            won, row = await tool_grants.allow(
                request.state.db,
                request.state.viewer,
                permission_id,
                digest,
                _scope(fields, list(shown(row)["arguments"])),
            )
    except Invalid as problem:
        return _form(request, row, replaces, fields, problem.detail)
    tell_agent(request, permission_id)
    if not won:
        return refused(request, row, refusal(row))
    if request.headers.get("hx-request"):
        return HTMLResponse(elsewhere(row))
    return RedirectResponse("/", 303)


async def revoke(request: Request) -> Response:
    """End a standing approval. The reply is its line on the page, with who ended it, also when another user was faster.

    Without htmx it leads back to the page whose name the field `from` has: list or interaction; else to the floor.
    """
    grant_id = http.identifier(request.path_params["id"], "standing approval")
    row = await tool_grants.revoke(request.state.db, request.state.viewer, grant_id)
    if request.headers.get("hx-request"):
        return http.fragment(request, "permissions/_ended_approval.html", id=grant_id, grant=row)
    sent = request.headers.get("content-type") is not None  # a form with no field has no body
    came_from = (await http.form(request)).get("from") if sent else None
    pages = {
        "list": "/tool-permissions/standing-approvals",
        "interaction": f"/interactions/{row['interaction_id']}",
    }
    return RedirectResponse(pages.get(came_from or "", "/"), 303)


async def _read(request: Request) -> tuple[dict[str, Any], Record | None]:
    """The row of the request's card, and the standing approval that a new one replaces."""
    permission_id = http.identifier(request.path_params["id"], "tool permission")
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        row = await tool_permissions.card(connection, permission_id)
        return row, await tool_grants.live(connection, row) if row["status"] == "pending" else None


def _scope(fields: Mapping[str, str], names: list[str]) -> Scope:
    """The scope in the form. Invalid, with a sentence for the form, when it is incomplete."""
    kind = fields.get("scope", "")
    uses, minutes = _whole(fields, "uses", "How many more"), _whole(fields, "minutes", "The time")
    if kind != "limit":
        return Scope(kind, uses, minutes)
    chosen = http.whole_number(fields.get("argument", ""), 5)
    if chosen is None or chosen >= len(names):
        raise Invalid("Choose the argument that has the limit.")
    freed = tuple(name for place, name in enumerate(names) if f"free-{place}" in fields and place != chosen)
    each = _number(fields, "each", "The limit each time")
    total = _number(fields, "total", "The limit in all") if fields.get("total", "").strip() else each * uses
    return Scope(kind, uses, minutes, names[chosen], each, total, freed)


def _whole(fields: Mapping[str, str], name: str, what: str) -> int:
    found = http.whole_number(fields.get(name, ""), 5)
    if found is None:
        raise Invalid(f"{what} is a whole number.")
    return found


def _number(fields: Mapping[str, str], name: str, what: str) -> Decimal:
    text = fields.get(name, "").strip()
    if not _NUMBER.fullmatch(text):
        raise Invalid(f"{what} is a number such as 200 or 199.50.")
    return Decimal(text)


def _form(
    request: Request,
    row: Mapping[str, Any],
    replaces: Record | None,
    fields: Mapping[str, str],
    problem: str | None = None,
) -> Response:
    found = shown(row)
    names = list(found["arguments"])
    numbers = {str(place): _plain(found["arguments"][name]) for place, name in enumerate(names)}
    numbers = {place: number for place, number in numbers.items() if number is not None}
    chosen = fields.get("argument", "")
    context = {
        "p": found,
        "names": names,
        "freeable": _FREED,
        "numbers": numbers,
        "chosen": chosen if chosen in numbers else next(iter(numbers), ""),
        "fields": fields,
        "problem": problem,
        "replaces": replaces,
        "choices": {"uses": _USES, "minutes": _MINUTES},
    }
    status = 422 if problem else 200
    if request.headers.get("hx-request"):
        return http.fragment(request, _FORM, status, **context)
    form = http.partial(_FORM, **context)
    return http.render(
        request, "permissions/standing_approval.html", status, form=form, heading=found["name"]
    )


def _plain(value: object) -> str | None:
    """A number as digits with a decimal point, which is what _NUMBER accepts; None when it needs another form, such as 1e30."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    text = f"{value:.2f}" if isinstance(value, float) and round(value, 2) == value else str(value)
    return text if _NUMBER.fullmatch(text) else None


def refused(request: Request, row: Mapping[str, Any], why_not: str) -> Response:
    if request.headers.get("hx-request"):
        said = http.partial("permissions/_not_decided.html", why_not=why_not)
        return HTMLResponse(said + elsewhere(row), 409)
    return http.render(request, "permissions/refused.html", 409, refusal=why_not, card=card(row))


def elsewhere(row: Mapping[str, Any]) -> str:
    """The card as an out-of-band swap, because its place is not where the form was."""
    return (
        f'<hx-partial hx-target="#tool-permission-{row["id"]}" hx-swap="outerMorph">{card(row)}</hx-partial>'
    )


_GIVE = "/tool-permissions/{id}/standing-approval"
ROUTES = [
    Route(_GIVE, signed_in(offer)),
    Route(_GIVE, signed_in(give), methods=["POST"]),
    Route("/standing-approvals/{id}/revoke", signed_in(revoke), methods=["POST"]),
]
