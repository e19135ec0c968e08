"""What the forms of a review answer with: the changed part of the page, or the form with what refused it."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from server.errors import Conflict, Forbidden, Invalid, RequestError
from server.interactions import review
from server.kernel import http
from server.kernel.auth import Viewer
from server.kernel.db import Connection, Database

_TITLES = {"notes": "Notes", "flag": "Flag", "tags": "Tags", "scorecard": "Scorecard"}
Change = Callable[[Connection, UUID], Awaitable[object]]


def context(shown: review.Review, **more: Any) -> dict[str, Any]:
    """What the partials of a review use: without `more`, nothing was refused and nothing is typed."""
    return {
        "review": shown,
        "refused": "",
        "fault": "",
        "typed": {},
        "replied": False,  # whether the part takes the focus that its form had
        "states": review.STATES,
        "answers": review.ANSWERS,
        **more,
    }


async def change(request: Request, part: str, act: Change, typed: dict[str, str]) -> Response:
    """Make a change of this part of the review, and answer with the part as it is then.

    Without htmx: 303 to the page. A refusal answers with the part, its sentence and what was typed, so that nothing is lost.
    """
    viewer: Viewer = request.state.viewer
    db: Database = request.state.db
    interaction_id = http.identifier(request.path_params["id"], "interaction")
    refusal: RequestError | None = None
    try:
        async with db.as_viewer(viewer) as connection:
            await act(connection, interaction_id)
    except (Conflict, Invalid, Forbidden) as error:
        refusal = error
    by_script = bool(request.headers.get("hx-request"))
    if refusal is None and not by_script:
        return RedirectResponse(f"/interactions/{interaction_id}#{part}", 303)
    async with db.as_viewer(viewer) as connection:
        shown = await review.of(connection, interaction_id, viewer)
    status, more = 200, dict[str, Any](replied=by_script)
    if refusal is not None:
        status, more = refusal.status, more | {"refused": part, "fault": refusal.sentence, "typed": typed}
    given = context(shown, **more)
    if by_script:
        return http.fragment(request, f"interactions/_{part}.html", status, **given)
    return http.render(
        request,
        "interactions/refused.html",
        status,
        part=f"interactions/_{part}.html",
        title=_TITLES[part],
        **given,
    )


def typed_text(fields: dict[str, str], name: str) -> str:
    """A field as a person typed it, with the line ends and without the character that no text in the database has."""
    return fields.get(name, "").replace("\r\n", "\n").replace("\x00", "")


def whole(text: str, what: str) -> int:
    """A number of a form. Conflict for what is none, because the page wrote it and is older than the present one."""
    found = http.whole_number(text, 9)
    if found is None:
        raise Conflict(f"This page is not the present one: open the interaction again ({what} is missing).")
    return found


def id_or_none(text: str, what: str) -> UUID | None:
    """An id of a form, or None where it is empty. NotFound for what is none."""
    return http.identifier(text, what) if text else None
