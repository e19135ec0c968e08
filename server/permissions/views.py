"""What people decide on a tool permission."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from server import web
from server.db import Database
from server.errors import Invalid
from server.guard import signed_in
from server.permission_cards import card, shown
from server.permissions import tool_permissions

_REASON, _DIGEST = 1000, 128


async def decide(request: Request) -> Response:
    """Allow (once, or for the rest of the interaction) or deny the request whose `arguments_digest` the form carries.

    200 with the fresh card, 409 with the card as it stands, 404 for another supervisor's, 422 without a digest.
    """
    fields = await web.form(request)
    status, reason = fields.get("status"), fields.get("reason", "").strip().replace("\x00", "")
    digest = fields.get("arguments_digest", "").replace("\x00", "")
    for_interaction = status == "allowed_for_interaction"
    if for_interaction:
        status = "allowed"
    if status not in ("allowed", "denied"):
        raise Invalid("A decision is allowed or denied.")
    if not digest:
        raise Invalid("A decision carries the arguments_digest of the request that it is made for.")
    if len(digest) > _DIGEST:
        raise Invalid(f"An arguments_digest has {_DIGEST} characters at most.")
    if len(reason) > _REASON:
        raise Invalid(f"A reason has {_REASON} characters at most.")
    permission_id = web.identifier(request.path_params["id"], "tool permission")
    db: Database = request.state.db
    with request.state.recorder.giving_way():
        won, row = await tool_permissions.decide(
            db,
            request.state.viewer,
            permission_id,
            status,
            reason or None,
            digest,
            for_interaction=for_interaction,
        )
    if won:
        return _reply(request, row, None)
    if for_interaction and row["status"] == "pending" and row["undo_seconds"]:
        return _reply(request, row, f"{row['tool_name']} is allowed one request at a time.")
    return _reply(request, row, _refusal(row))


async def show(request: Request) -> Response:
    """All arguments of a request, which its card may be too small for."""
    permission_id = web.identifier(request.path_params["id"], "tool permission")
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        row = await tool_permissions.card(connection, permission_id)
    found = shown(row)
    text = json.dumps(found["arguments"], indent=1)
    return web.render(request, "permissions/tool_permission.html", p=found, text=text)


async def take_back(request: Request) -> Response:
    """Take back one's own allow before it takes effect; answers as a decision does."""
    permission_id = web.identifier(request.path_params["id"], "tool permission")
    won, row = await tool_permissions.take_back(request.state.db, request.state.viewer, permission_id)
    if won:
        return _reply(request, row, None)
    if row["status"] == "pending":
        whose = f"{row['held_by_name']} has allowed it" if row["held_until"] else "Nobody has allowed it"
        return _reply(request, row, f"{whose}: there is nothing of yours to take back.")
    return _reply(request, row, f"It is too late: {_refusal(row)}")


def _refusal(row: dict[str, Any]) -> str:
    if row["status"] == "timeout":
        return f"The request for {row['tool_name']} has expired."
    if row["status"] != "pending":
        by = f" by {row['responded_by_name']}" if row["responded_by_name"] else ""
        return f"{row['tool_name']} is already {row['status']}{by}."
    if row["held_until"]:
        return f"{row['held_by_name']} has allowed {row['tool_name']} already, and can still take that back."
    return "The request changed after you opened it. Read it again."


def _reply(request: Request, row: dict[str, Any], refusal: str | None) -> Response:
    """The card: alone where htmx asked, else within a page that says why nothing was decided."""
    if request.headers.get("hx-request"):
        return HTMLResponse(card(row), 409 if refusal else 200)
    if refusal:
        return web.render(request, "permissions/refused.html", 409, refusal=refusal, card=card(row))
    return RedirectResponse("/", 303)


_ONE = "/tool-permissions/{id}"
ROUTES = [
    Route(_ONE, signed_in(show)),
    Route(f"{_ONE}/decision", signed_in(decide), methods=["POST"]),
    Route(f"{_ONE}/take-back", signed_in(take_back), methods=["POST"]),
]
