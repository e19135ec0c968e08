"""The score that people give an interaction by the criteria of a scorecard."""

import datetime as dt
from uuid import UUID

from server.errors import Conflict
from server.kernel.db import Connection


async def answer(connection: Connection, interaction_id: UUID, version: int, place: int, said: str) -> None:
    """Answer one criterion of this version with no, partly or yes. NotFound, Conflict, Invalid."""
    await connection.execute(
        "select public.score_interaction($1, $2, $3, $4)", interaction_id, version, place, said
    )


async def clear(connection: Connection, interaction_id: UUID, scored_at: dt.datetime) -> None:
    """Delete the score of this moment, so that the interaction may be scored by the present criteria. NotFound, Conflict."""
    present = await connection.fetchval(
        "select scored_at from public.interaction_scores where interaction_id = $1", interaction_id
    )
    if present not in (None, scored_at):
        raise Conflict("It was scored again meanwhile. These are the answers now.")
    await connection.execute("select public.clear_interaction_score($1)", interaction_id)
