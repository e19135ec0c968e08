"""The forms of notes, and the page with the versions of one."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.interactions import interaction_notes
from server.interactions.review_views import change, typed_text, whole
from server.kernel import http
from server.kernel.db import Connection, Database
from server.kernel.http import signed_in


async def write(request: Request) -> Response:
    """Write a note on the interaction, or on the line of its timeline that the form names."""
    fields = await http.form(request)
    words, line = typed_text(fields, "words"), typed_text(fields, "line")[:50]

    async def act(connection: Connection, interaction_id: UUID) -> None:
        note_id = http.identifier(fields.get("note", ""), "note")
        await interaction_notes.write(connection, note_id, interaction_id, line, words)

    return await change(request, "notes", act, {"words": words, "line": line})


async def show(request: Request) -> Response:
    """One note with all its versions."""
    interaction_id, note_id = _ids(request)
    db: Database = request.state.db
    async with db.as_viewer(request.state.viewer) as connection:
        note = await interaction_notes.find(connection, interaction_id, note_id)
        versions = await interaction_notes.versions(connection, note_id)
    return http.render(
        request, "interactions/note.html", note=note, versions=versions, interaction_id=interaction_id
    )


async def edit(request: Request) -> Response:
    """Give a note of one's own new words; 409 with what was typed when it was changed meanwhile."""
    fields = await http.form(request)
    words = typed_text(fields, "words")
    _, note_id = _ids(request)

    async def act(connection: Connection, interaction_id: UUID) -> None:
        await interaction_notes.find(connection, interaction_id, note_id)
        version = whole(fields.get("version", ""), "the version of the note")
        await interaction_notes.edit(connection, note_id, version, words)

    return await change(request, "notes", act, {"note": str(note_id), "words": words})


async def withdraw(request: Request) -> Response:
    """Hide the words of a note of one's own from everybody else."""
    _, note_id = _ids(request)

    async def act(connection: Connection, interaction_id: UUID) -> None:
        await interaction_notes.find(connection, interaction_id, note_id)
        await interaction_notes.withdraw(connection, note_id)

    return await change(request, "notes", act, {})


def _ids(request: Request) -> tuple[UUID, UUID]:
    return (
        http.identifier(request.path_params["id"], "interaction"),
        http.identifier(request.path_params["note"], "note"),
    )


_NOTES = "/interactions/{id}/notes"
ROUTES = [
    Route(_NOTES, signed_in(write), methods=["POST"]),
    Route(f"{_NOTES}/{{note}}", signed_in(show), methods=["GET"]),
    Route(f"{_NOTES}/{{note}}", signed_in(edit), methods=["POST"]),
    Route(f"{_NOTES}/{{note}}/withdrawal", signed_in(withdraw), methods=["POST"]),
]
