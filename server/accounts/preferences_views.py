"""The forms that change how a person sees every page."""

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.accounts import preferences
from server.errors import Invalid, RequestError
from server.kernel.auth import Viewer
from server.kernel.db import Database
from server.kernel.http import Look, form, set_look, signed_in


async def change(request: Request) -> Response:
    """Store zone, clock, theme and density, and tell this browser: 303 back, or Invalid in words."""
    db: Database = request.state.db
    fields = await form(request)
    look = Look(fields.get("zone", "").strip(), *(fields.get(one.name, "") for one in preferences.CHOICES))
    async with db.as_viewer(request.state.viewer) as connection:
        await preferences.write(connection, look)
    answer = RedirectResponse("/account?said=look#look", 303)
    set_look(answer, request.state.settings, look)
    return answer


async def change_theme(request: Request) -> Response:
    """Store the theme that the button of a page has chosen; the page has shown it already."""
    db: Database = request.state.db
    theme = (await form(request)).get("theme", "")
    if theme not in ("light", "dark"):
        raise Invalid("A theme is light or dark.")
    async with db.as_viewer(request.state.viewer) as connection:
        await preferences.write_theme(connection, theme)
    return Response(status_code=204)


async def bring(request: Request, answer: Response, viewer: Viewer | None) -> None:
    """Tell a browser in which somebody has signed in how they want to see pages. Without the database it stays as it is."""
    db: Database = request.state.db
    if viewer is not None:
        with suppress(RequestError):
            async with db.as_viewer(viewer) as connection:
                set_look(answer, request.state.settings, await preferences.read(connection))


ROUTES = [
    Route("/account/look", signed_in(change), methods=["POST"]),
    Route("/account/theme", signed_in(change_theme), methods=["POST"]),
]
