"""The rows of the leaderboard: sums of every supervisor, the same for every caller."""

from collections.abc import Sequence
from uuid import UUID

from server.kernel.db import Connection, Record

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


async def read(
    connection: Connection,
    period: str,
    time_zone: str,
    supervisor_type: str,
    *,
    first: int | None = None,
    own: UUID | None = None,
) -> Sequence[Record]:
    """Ranked rows first, ties with the same rank; then those without an interaction in the period. Invalid for an unknown period.

    With `first`, only that many rows and the row of the supervisor `own`; `total` of each row is the number of all. The database
    function reads private.performance_sums and the changes that are not added yet, not the history.
    """
    return await connection.fetch(
        f"""
        select supervisor_id, {", ".join(COLUMNS)}, total
        from (select *, count(*) over () as total, row_number() over () as place from public.leaderboard($1, $2, $3)) l
        where $4::integer is null or place <= $4 or supervisor_id = $5 order by place
        """,
        period,
        time_zone,
        supervisor_type,
        first,
        own,
    )
