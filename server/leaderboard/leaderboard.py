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


async def review_scores(connection: Connection, period: str, time_zone: str) -> dict[UUID, Record]:
    """Supervisor → average and count of the review scores of their interactions in the period; those that the viewer may see.

    No part of the score: people give it by a scorecard, and not to every interaction.
    """
    rows = await connection.fetch(
        """
        select s.supervisor_id, avg(s.total)::float as average, count(*) as scored
        from public.interaction_scores s join public.interactions i on i.id = s.interaction_id
        where i.status = 'completed' and not i.is_test
          and i.started_at >= date_trunc(case $1 when 'today' then 'day' else 'month' end, now() at time zone $2) at time zone $2
        group by s.supervisor_id
        """,
        period,
        time_zone,
    )
    return {row["supervisor_id"]: row for row in rows}


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
