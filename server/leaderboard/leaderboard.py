"""The leaderboard's rows: aggregates of every supervisor, the same for every caller."""

from collections.abc import Sequence

from server.db import Connection, Record

COLUMNS = (
    "rank",
    "username",
    "supervisor_type",
    "interactions",
    "csat",
    "aht",
    "fcr",
    "csat_part",
    "interactions_part",
    "aht_part",
    "score",
)


async def read(connection: Connection, period: str, time_zone: str, supervisor_type: str) -> Sequence[Record]:
    """Ranked first, ties sharing a rank; whoever has no interaction in the period has none. Invalid periods refuse."""
    return await connection.fetch(
        f"select supervisor_id, {', '.join(COLUMNS)} from public.leaderboard($1, $2, $3)",
        period,
        time_zone,
        supervisor_type,
    )
