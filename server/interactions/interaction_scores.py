"""The score that people give an interaction by the criteria of a scorecard."""

from uuid import UUID

from server.kernel.db import Connection


async def answer(connection: Connection, interaction_id: UUID, version: int, place: int, said: str) -> None:
    """Answer one criterion of this version with no, partly or yes. NotFound, Conflict, Invalid."""
    await connection.execute(
        "select public.score_interaction($1, $2, $3, $4)", interaction_id, version, place, said
    )


async def clear(connection: Connection, interaction_id: UUID) -> None:
    """Delete the score, so that the interaction may be scored by the present criteria. NotFound, Conflict."""
    await connection.execute("select public.clear_interaction_score($1)", interaction_id)
