"""The decisions of people on tool permissions."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from server.errors import Invalid
from server.kernel import http
from server.kernel.db import Database, lengths
from server.kernel.http import signed_in
from server.kernel.live import alone, card, shown
from server.permissions import decision_rows_views, tool_permissions

_DIGEST = 128


async def decide(request: Request) -> Response:
    """Allow or deny the request whose `arguments_digest` is in the form.

    200 with the new card, 409 with the card as it is, 404 for another supervisor's request, 422 without a digest.
    """
    fields = await http.form(request)
    status, reason = fields.get("status"), fields.get("reason", "").strip().replace("\x00", "")
    if status not in ("allowed", "denied"):
        raise Invalid("A decision is allowed or denied. Reload the page if it offered another one.")
    digest = digest_of(fields)
    if len(reason) > lengths.REASON:
        raise Invalid(f"A reason has {lengths.REASON} characters at most.")
    permission_id = http.identifier(request.path_params["id"], "tool permission")
    db: Database = request.state.db
    with request.state.recorder.giving_way():
        won, row = await tool_permissions.decide(
            db,
            request.state.viewer,
            permission_id,
            status,
            reason or None,
            digest,
        )
    tell_agent(request, permission_id)
    return _reply(request, row, None if won else refusal(row))


def tell_agent(request: Request, permission_id: UUID) -> None:
    """Wake the agent that waits for this decision in this process. Other processes are notified by PostgreSQL."""
    topic = tool_permissions.decided_here(permission_id)
    request.state.hub.topics.notify_key(topic, topic)


def digest_of(fields: Mapping[str, str]) -> str:
    """The digest of the arguments that a form decides on. Invalid when it is missing."""
    digest = fields.get("arguments_digest", "").replace("\x00", "")
    if not digest:
        raise Invalid("A decision carries the arguments_digest of the request that it is made for.")
    if len(digest) > _DIGEST:
        raise Invalid(f"An arguments_digest has {_DIGEST} characters at most.")
    return digest


async def show(request: Request) -> Response:
    """The page with all arguments of a request, which its card may cut; for htmx, on a page that is not live, the card as it is now."""
    permission_id = http.identifier(request.path_params["id"], "tool permission")
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        row = await tool_permissions.card(connection, permission_id)
    if request.headers.get("hx-request"):
        return HTMLResponse(card(row))
    found = shown(row)
    if row.get("drill"):
        return http.render(request, "permissions/drill.html", p=found, card=card(row))
    if row["status"] != "pending":
        return await decision_rows_views.decision_page(request, permission_id, found)
    return http.render(request, "permissions/tool_permission.html", p=found, region=alone(row))


async def see(request: Request) -> Response:
    """The page reports that its person has the request before their eyes: 204, also when it is answered meanwhile."""
    fields = await http.form(request)
    ago = http.whole_number(fields.get("ago", ""), 6)
    if ago is None:
        raise Invalid("How long ago it was seen is a whole number of milliseconds.")
    permission_id = http.identifier(request.path_params["id"], "tool permission")
    async with request.state.db.as_viewer(request.state.viewer) as connection:
        await tool_permissions.seen(
            connection, permission_id, digest_of(fields), ago, opened=fields.get("opened") == "yes"
        )
    return Response(status_code=204)


async def take_back(request: Request) -> Response:
    """Take back the viewer's own allow before it takes effect. The reply is like that of a decision."""
    permission_id = http.identifier(request.path_params["id"], "tool permission")
    won, row = await tool_permissions.take_back(request.state.db, request.state.viewer, permission_id)
    if won:
        return _reply(request, row, None)
    if row["status"] == "pending":
        whose = f"{row['held_by_name']} has allowed it" if row["held_until"] else "Nobody has allowed it"
        return _reply(request, row, f"{whose}, so you have nothing to take back.")
    return _reply(request, row, f"It is too late: {refusal(row)}")


def refusal(row: Mapping[str, Any]) -> str:
    """Why nothing was decided."""
    if row.get("drill") == "withdrawn":
        return "Too late: this was a drill, and a request of an agent took its place, or its interaction ended. Nothing was decided."
    if row["status"] == "timeout":
        return f"Too late: the request for {row['tool_name']} has expired. Nothing was decided."
    if row["status"] == "cancelled":
        return f"Too late: the agent took the request for {row['tool_name']} back, or its interaction ended. Nothing was decided."
    if row["status"] != "pending":
        by = f" by {row['responded_by_name']}" if row["responded_by_name"] else ""
        return f"{row['tool_name']} is already {row['status']}{by}."
    if row["held_until"]:
        return f"{row['held_by_name']} has allowed {row['tool_name']} already, and can still take that back."
    return "The request changed after you opened it. Read it again."


def _reply(request: Request, row: dict[str, Any], why_not: str | None) -> Response:
    """The card alone for htmx, otherwise a page that says why nothing was decided."""
    if request.headers.get("hx-request"):
        return HTMLResponse(card(row), 409 if why_not else 200)
    if why_not:
        return http.render(request, "permissions/refused.html", 409, refusal=why_not, card=card(row))
    return RedirectResponse("/", 303)


_ONE = "/tool-permissions/{id}"
ROUTES = [
    Route(_ONE, signed_in(show)),
    Route(f"{_ONE}/decision", signed_in(decide), methods=["POST"]),
    Route(f"{_ONE}/take-back", signed_in(take_back), methods=["POST"]),
    Route(f"{_ONE}/seen", signed_in(see), methods=["POST"]),
]
