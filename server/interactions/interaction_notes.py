"""Notes on an interaction or on a line of its timeline. The rules are functions of the database."""

from collections.abc import Sequence
from uuid import UUID

from server.errors import NotFound
from server.kernel.db import Connection, Record


async def write(connection: Connection, note_id: UUID, interaction_id: UUID, line: str, words: str) -> None:
    """Write a note of the viewer, once for one id. NotFound, Conflict, Invalid."""
    await connection.execute(
        "select public.write_interaction_note($1, $2, $3, $4)", note_id, interaction_id, line or None, words
    )


async def edit(connection: Connection, note_id: UUID, version: int, words: str) -> None:
    """Give a note of the viewer new words, if this is its present version. Forbidden, NotFound, Conflict, Invalid."""
    await connection.execute("select public.edit_interaction_note($1, $2, $3)", note_id, version, words)


async def withdraw(connection: Connection, note_id: UUID) -> None:
    """Hide the words of a note of the viewer from everybody else. Forbidden, NotFound, Conflict."""
    await connection.execute("select public.withdraw_interaction_note($1)", note_id)


async def find(connection: Connection, interaction_id: UUID, note_id: UUID) -> Record:
    """One note of this interaction. NotFound when the viewer may not see it."""
    row = await connection.fetchrow(
        """
        select n.id, n.author_id, n.author_name, n.line, n.version, n.created_at, n.withdrawn_at
        from public.interaction_notes n where n.id = $1 and n.interaction_id = $2
        """,
        note_id,
        interaction_id,
    )
    if row is None:
        raise NotFound("There is no such note.")
    return row


async def versions(connection: Connection, note_id: UUID) -> Sequence[Record]:
    """The versions of a note that the viewer may read, the newest first."""
    return await connection.fetch(
        """
        select version, words, written_at from public.interaction_note_versions
        where note_id = $1 order by version desc
        """,
        note_id,
    )
