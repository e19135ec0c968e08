"""Tags that people give to an interaction, beside those of its archive."""

from uuid import UUID

from server.kernel.db import Connection


async def add(connection: Connection, interaction_id: UUID, tag: str) -> None:
    """Add a tag, which is stored in lower case. A tag that is there already changes nothing. NotFound, Conflict, Invalid."""
    await connection.execute("select public.add_interaction_tag($1, $2)", interaction_id, tag)


async def remove(connection: Connection, interaction_id: UUID, tag: str) -> None:
    """Remove a tag that a person added. A tag that is gone already changes nothing. NotFound."""
    await connection.execute("select public.remove_interaction_tag($1, $2)", interaction_id, tag)
