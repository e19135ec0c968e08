"""The form of what calls a person, and what live pages read and report of it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.accounts import push_subscriptions, signal_choices
from server.accounts.signal_choices import SIGNALS, Choices, offered
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.db import Database
from server.kernel.http import signed_in, zone_cookie


async def shown(request: Request, typed: Choices | None = None) -> dict[str, Any]:
    """What the section of the account page shows; `typed`: choices that were refused."""
    viewer: Viewer = request.state.viewer
    db: Database = request.state.db
    async with db.as_viewer(viewer) as connection:
        choices = typed or await signal_choices.own(connection, zone_cookie(request))
        pushed = await push_subscriptions.has_session(connection, viewer.session_id)
    keys = request.state.push_keys
    return {
        "signals": [(name, *SIGNALS[name]) for name in offered(viewer.role)],
        "choices": choices,
        "pushed": pushed,
        "push_key": keys.public if keys else "",
    }


async def read(request: Request) -> Response:
    """The viewer's choices as JSON, for live pages: they give the signals. `push`: whether what they give is to be reported, `key`: the VAPID key, `pushed`: whether this browser gets messages."""
    viewer: Viewer = request.state.viewer
    db: Database = request.state.db
    async with db.as_viewer(viewer) as connection:
        found = await signal_choices.own(connection, zone_cookie(request))
        pushed = await push_subscriptions.has_session(connection, viewer.session_id)
    keys = request.state.push_keys
    return JSONResponse(
        {
            "sounds": [name for name in offered(viewer.role) if name in found.sounds],
            "notifications": [name for name in offered(viewer.role) if name in found.notifications],
            "quiet": {"from": found.quiet_from, "until": found.quiet_until, "zone": found.zone}
            if found.quiet_from
            else None,
            "push": keys is not None,
            "key": keys.public if keys else None,
            "pushed": pushed,
        }
    )


async def note(request: Request) -> Response:
    """A leading tab has given these signals, so that they are not sent by web push as well."""
    given = signal_choices.read_given((await http.form(request)).get("given", ""))
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        await signal_choices.note_given(connection, given)
    return Response(status_code=204)


ROUTES = [
    Route("/account/signals", signed_in(read), methods=["GET"]),
    Route("/account/signals/given", signed_in(note), methods=["POST"]),
]
