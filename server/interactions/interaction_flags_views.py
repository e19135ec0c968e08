"""The form of an interaction's flag."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import Invalid, NotFound
from server.interactions import interaction_flags
from server.interactions.review_views import change, id_or_none, typed_text, whole
from server.kernel import http
from server.kernel.db import Connection
from server.kernel.http import signed_in


async def set_flag(request: Request) -> Response:
    """Flag the interaction, or change state, person and reason of its flag."""
    fields = await http.form(request)
    typed = {name: typed_text(fields, name) for name in ("state", "assigned_to", "reason")}

    async def act(connection: Connection, interaction_id: UUID) -> None:
        try:
            assigned_to = id_or_none(typed["assigned_to"], "person")
        except NotFound as error:
            raise Invalid("There is no such person to assign the review to.") from error
        version = whole(fields.get("version", ""), "the version of the flag")
        await interaction_flags.set_flag(
            connection, interaction_id, version, typed["state"], assigned_to, typed["reason"]
        )

    return await change(request, "flag", act, typed)


ROUTES = [Route("/interactions/{id}/flag", signed_in(set_flag), methods=["POST"])]
