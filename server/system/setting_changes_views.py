"""The page on which admins change settings, with who changed what."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.errors import Conflict, Invalid, NotFound
from server.kernel import http
from server.kernel.db import Connection, Database
from server.kernel.http import signed_in
from server.system import setting_changes


async def show(request: Request) -> Response:
    """The settings and their history."""
    return await _page(request, saved=request.query_params.get("saved", ""))


async def change(request: Request) -> Response:
    """Change one setting: 303 back, or the page with what was typed and why not. A change that deletes asks first."""
    db: Database = request.state.db
    name = request.path_params["name"]
    fields = await http.form(request)
    if name not in setting_changes.TITLES:
        raise NotFound("There is no such setting.")
    typed = _normal(fields.get("value", ""))
    value = None if "initial" in fields else typed
    try:
        async with db.as_viewer(request.state.viewer) as connection:
            if fields.get("confirmed") != "yes" and await _deletes(connection, name, value):
                return await _page(request, 422, typed={name: typed}, asks=name, initially=value is None)
            await setting_changes.change(connection, name, value, _normal(fields.get("seen", "")))
    except Conflict as refusal:  # the truth is shown, not what was typed
        return await _page(request, 409, faults={name: refusal.sentence})
    except Invalid as refusal:
        return await _page(request, 422, typed={name: typed}, faults={name: refusal.sentence})
    return RedirectResponse(f"/settings?saved={name}#{name}", 303)


def _normal(text: str) -> str:
    """Lines without blanks at their ends, and no empty ones, as the database keeps them; cut far above what it takes."""
    return "\n".join(line for part in text[:5000].splitlines() if (line := " ".join(part.split())))


async def _deletes(connection: Connection, name: str, value: str | None) -> bool:
    """Whether this change makes the sweeper delete what is kept now."""
    if name not in setting_changes.DELETES:
        return False
    one = (await setting_changes.present(connection))[name]
    wanted = http.whole_number(one["initial"] if value is None else value, 9)
    return wanted is not None and wanted < int(one["now"])


async def _page(
    request: Request,
    status: int = 200,
    *,
    saved: str = "",
    typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    asks: str = "",
    initially: bool = False,
) -> Response:
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        present = await setting_changes.present(connection)
        history = await setting_changes.history(connection)
    return http.render(
        request,
        "system/settings.html",
        status,
        groups=setting_changes.GROUPS,
        titles=setting_changes.TITLES,
        units=setting_changes.UNITS,
        deletes=setting_changes.DELETES,
        present=present,
        history=history,
        saved=setting_changes.TITLES.get(saved, ""),
        typed=typed or {},
        faults=faults or {},
        asks=asks,
        initially=initially,
    )


ROUTES = [
    Route("/settings", signed_in(show, "admin"), methods=["GET"]),
    Route("/settings/{name}", signed_in(change, "admin"), methods=["POST"]),
]
