"""The rows of the leaderboard: sums of every supervisor over some days, the same for every caller."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
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
REVIEW_COLUMNS = ("review_score", "reviews")


@dataclass(frozen=True, slots=True)
class Days:
    """Some days in a time zone: the first and the last, which is today at the latest, and the moments at which they begin and end."""

    first: dt.date
    last: dt.date
    since: dt.datetime
    until: dt.datetime
    today: dt.date
    zone: str

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1


async def days(
    connection: Connection, period: str, first: dt.date | None, last: dt.date | None, zone: str
) -> Days:
    """The days of a period: today, month, last_month, or dates from `first` to `last`. Invalid, in words, for what is no range."""
    row = await connection.fetchrow(
        "select * from private.leaderboard_range($1, $2, $3, $4)", period, first, last, zone
    )
    assert row is not None
    return Days(row["first_day"], row["last_day"], row["since"], row["until"], row["today"], zone)


async def supervisor_named(connection: Connection, username: str) -> UUID | None:
    """The supervisor of this username, whom the viewer may see."""
    found: UUID | None = await connection.fetchval(
        "select id from public.users where lower(username) = $1", username
    )
    return found


async def review_scores(connection: Connection, over: Days) -> dict[UUID, Record]:
    """Supervisor → average and count of the review scores of their interactions of these days; those that the viewer may see.

    No part of the score: people give it by a scorecard, and not to every interaction.
    """
    rows = await connection.fetch(
        """
        select s.supervisor_id, avg(s.total)::float as average, count(*) as scored
        from public.interaction_scores s join public.interactions i on i.id = s.interaction_id
        where i.status = 'completed' and not i.is_test and s.scored_at >= $1 and i.started_at >= $1 and i.started_at < $2
        group by s.supervisor_id
        """,
        over.since,
        over.until,
    )
    return {row["supervisor_id"]: row for row in rows}


async def read(
    connection: Connection,
    over: Days,
    supervisor_type: str,
    *,
    first: int | None = None,
    after: int = 0,
    own: UUID | None = None,
) -> Sequence[Record]:
    """Ranked rows first, ties with the same rank; then those without an interaction in these days.

    With `first`, only that many rows after the place `after`, and the row of the supervisor `own`; `total` of each row is the number of all. The database
    function reads sums and the changes that are not added yet, not the history.
    """
    return await connection.fetch(
        f"select supervisor_id, {', '.join(COLUMNS)}, place, total from public.leaderboard_v2($1, $2, $3, $4, $5, $6)",
        over.since,
        over.until,
        supervisor_type,
        first,
        own,
        after,
    )
