"""Turns web push on and off for the browser of the viewer, as its page asks."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.accounts import push_subscriptions
from server.accounts.push_subscriptions import Subscription
from server.errors import NotFound
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.db import Database
from server.kernel.http import signed_in


async def subscribe(request: Request) -> Response:
    """Send signals to this browser from now on. NotFound where the server has no VAPID key, Invalid for a wrong subscription."""
    if request.state.push_keys is None:
        raise NotFound("This server sends nothing by web push.")
    fields = await http.form(request)
    given = Subscription.typed(
        *(fields.get(name, "") for name in ("endpoint", "p256dh", "auth")),
        private=request.state.settings.webhooks_private,
    )
    viewer: Viewer = request.state.viewer
    db: Database = request.state.db
    async with db.as_viewer(viewer) as connection:
        await push_subscriptions.subscribe(connection, viewer.session_id, given)
    return Response(status_code=204)


async def end(request: Request) -> Response:
    """Send nothing to this browser any more; also when it got nothing before."""
    viewer: Viewer = request.state.viewer
    db: Database = request.state.db
    async with db.as_viewer(viewer) as connection:
        await push_subscriptions.end(connection, viewer.session_id)
    return Response(status_code=204)


ROUTES = [
    Route("/account/push", signed_in(subscribe), methods=["POST"]),
    Route("/account/push/end", signed_in(end), methods=["POST"]),
]
