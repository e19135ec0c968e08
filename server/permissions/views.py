"""A person's decision on a tool permission."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server import web
from server.db import Database
from server.errors import Conflict, Invalid
from server.guard import signed_in
from server.permissions import tool_permissions

_REASON = 1000


async def decide(request: Request) -> Response:
    """Allow (once, or for the rest of the interaction) or deny. 200 with the fresh card, 409 with the card as it stands, 404 for another supervisor's."""
    fields = await web.form(request)
    status, reason = fields.get("status"), fields.get("reason", "").strip().replace("\x00", "")
    for_interaction = status == "allowed_for_interaction"
    if for_interaction:
        status = "allowed"
    if status not in ("allowed", "denied"):
        raise Invalid("A decision is allowed or denied.")
    if len(reason) > _REASON:
        raise Invalid(f"A reason has {_REASON} characters at most.")
    permission_id = web.identifier(request.path_params["id"], "tool permission")
    db: Database = request.state.db
    with request.state.recorder.giving_way():
        card = await tool_permissions.decide(
            db,
            request.state.viewer,
            permission_id,
            status,
            reason or None,
            for_interaction=for_interaction,
        )
    if request.headers.get("hx-request"):
        status_code = 200 if card["won"] else 409
        return web.fragment(request, "permissions/_tool_permission.html", status_code, p=dict(card))
    if card["won"]:
        return RedirectResponse("/", 303)
    raise Conflict(
        f"{card['tool_name']} is already {card['status']}"
        + (f" by {card['responded_by_name']}." if card["responded_by_name"] else ".")
        if card["status"] != "pending"
        else f"The request for {card['tool_name']} has expired."
    )


ROUTES = [Route("/tool-permissions/{id}/decision", signed_in(decide), methods=["POST"])]
