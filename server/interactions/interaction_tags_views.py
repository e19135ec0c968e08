"""The forms that add and remove tags of an interaction."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.interactions import interaction_tags
from server.interactions.review_views import change, typed_text
from server.kernel import http
from server.kernel.db import Connection
from server.kernel.http import signed_in


async def add(request: Request) -> Response:
    """Add a tag."""
    tag = typed_text(await http.form(request), "tag")

    async def act(connection: Connection, interaction_id: UUID) -> None:
        await interaction_tags.add(connection, interaction_id, tag)

    return await change(request, "tags", act, {"tag": tag})


async def remove(request: Request) -> Response:
    """Remove a tag that a person added."""
    tag = typed_text(await http.form(request), "tag")

    async def act(connection: Connection, interaction_id: UUID) -> None:
        await interaction_tags.remove(connection, interaction_id, tag)

    return await change(request, "tags", act, {})


ROUTES = [
    Route("/interactions/{id}/tags", signed_in(add), methods=["POST"]),
    Route("/interactions/{id}/tags/delete", signed_in(remove), methods=["POST"]),
]
