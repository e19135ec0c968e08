"""The forms of an interaction's scorecard; each choice is saved at once."""

import datetime as dt
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import Conflict
from server.interactions import interaction_scores
from server.interactions.review_views import change, typed_text, whole
from server.kernel import http
from server.kernel.db import Connection
from server.kernel.http import signed_in


async def answer(request: Request) -> Response:
    """Answer one criterion."""
    fields = await http.form(request)

    async def act(connection: Connection, interaction_id: UUID) -> None:
        version = whole(fields.get("version", ""), "the version of the criteria")
        place = whole(fields.get("place", ""), "the criterion")
        await interaction_scores.answer(
            connection, interaction_id, version, place, typed_text(fields, "answer")
        )

    return await change(request, "scorecard", act, {})


async def clear(request: Request) -> Response:
    """Delete the score that the page shows."""
    fields = await http.form(request)

    async def act(connection: Connection, interaction_id: UUID) -> None:
        try:
            scored_at = dt.datetime.fromisoformat(fields.get("scored_at", ""))
        except ValueError:
            raise Conflict("This page is not the present one: open the interaction again.") from None
        await interaction_scores.clear(connection, interaction_id, scored_at)

    return await change(request, "scorecard", act, {})


ROUTES = [
    Route("/interactions/{id}/score", signed_in(answer), methods=["POST"]),
    Route("/interactions/{id}/score/delete", signed_in(clear), methods=["POST"]),
]
