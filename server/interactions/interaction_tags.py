"""Tags that people give to an interaction, beside those of its archive."""

from uuid import UUID

from server.kernel.db import Connection


async def add(connection: Connection, interaction_id: UUID, tag: str) -> None:
    """Add a tag, in small letters; nothing happens when it is there. NotFound, Conflict, Invalid."""
    await connection.execute("select public.add_interaction_tag($1, $2)", interaction_id, tag)


async def remove(connection: Connection, interaction_id: UUID, tag: str) -> None:
    """Remove a tag that a person added; nothing happens when it is gone. NotFound."""
    await connection.execute("select public.remove_interaction_tag($1, $2)", interaction_id, tag)
