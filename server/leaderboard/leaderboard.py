"""The leaderboard's rows: aggregates of every supervisor, the same for every caller."""

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


_zones: set[str] = set()  # as the database knows them, read once: it looks at some hundred files for that


async def zones(connection: Connection) -> set[str]:
    """The time zones by all their names, the older ones too, which browsers still say: Asia/Calcutta, Europe/Kiev."""
    if not _zones:
        rows = await connection.fetch("select name from pg_catalog.pg_timezone_names where name ~ '^[A-Z]'")
        _zones.update(row["name"] for row in rows)
    return _zones


async def read(
    connection: Connection,
    period: str,
    time_zone: str,
    supervisor_type: str,
    *,
    first: int | None = None,
    own: UUID | None = None,
) -> Sequence[Record]:
    """Ranked first, ties sharing a rank; whoever has no interaction in the period has none. Invalid periods refuse.

    With `first`, so many and the one of `own` wherever it is; `total` of each row says how many there are.
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
