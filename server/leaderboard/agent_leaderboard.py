"""The rows of the agents' leaderboard: sums of the agents that the viewer may see, over some days."""

from collections.abc import Sequence
from uuid import UUID

from server.kernel.db import Connection, Record
from server.leaderboard.leaderboard import Days

COLUMNS = ("rank", "agent_name", "username", "agent_type", "retired", "interactions", "csat", "aht", "fcr")


async def read(
    connection: Connection,
    over: Days,
    agent_type: str,
    measure: str,
    *,
    supervisor: UUID | None = None,
    first: int | None = None,
    after: int = 0,
) -> Sequence[Record]:
    """The best by a measure (csat, interactions, aht, fcr) first, ties with the same rank; then those without it.

    Retired agents are there only with an interaction in these days; `total` of each row is the number of all.
    """
    return await connection.fetch(
        f"select agent_id, supervisor_id, {', '.join(COLUMNS)}, place, total from public.agent_leaderboard($1, $2, $3, $4, $5, $6, $7)",
        over.since,
        over.until,
        agent_type,
        supervisor,
        measure,
        first,
        after,
    )
