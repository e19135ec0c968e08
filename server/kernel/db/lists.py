"""What the lists of several areas share: the time that they are about, in the zone of the viewer, and the agents to choose from."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from server.kernel.db.connections import Connection, Record

BEGINNINGS = {"today": "day", "month": "month"}  # what of the viewer's zone has begun
_zones: set[str] = set()  # PostgreSQL reads them from hundreds of files


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment until before another, None for no limit; and the zone of the days."""

    since: dt.datetime | None
    until: dt.datetime | None
    zone: str


async def zone_of(connection: Connection, name: str) -> str:
    """The zone of this name, also an old one that browsers still send, such as Asia/Calcutta; UTC for what PostgreSQL does not know."""
    if not _zones:
        rows = await connection.fetch("select name from pg_catalog.pg_timezone_names where name ~ '^[A-Z]'")
        _zones.update(row["name"] for row in rows)
    return name if name in _zones else "UTC"


async def span_of(connection: Connection, days: str, since: str, until: str, zone: str) -> Span:
    """The last `days` (a number, today, month, or empty for all), or from one date to another (YYYY-MM-DD, each may be empty)."""
    zone = await zone_of(connection, zone)
    dated = bool(since or until)
    row = await connection.fetchrow(
        """
        select case when $1 then nullif($2, '')::date::timestamp at time zone $5
            when $4 <> '' then date_trunc($4, now() at time zone $5) at time zone $5
            else now() - make_interval(days => $6::integer) end as since,
          case when $1 then (nullif($3, '')::date + 1)::timestamp at time zone $5 end as until
        """,
        dated,
        since,
        until,
        BEGINNINGS.get(days, ""),
        zone,
        int(days) if days.isdecimal() else None,
    )
    assert row is not None
    return Span(row["since"], row["until"], zone)


async def agents_to_choose(connection: Connection, chosen: str) -> Sequence[Record]:
    """The viewer's agents, for a filter: at most 200 that are not retired, and the one that is chosen, whatever it is."""
    return await connection.fetch(
        """
        select id, name, retired from (
          (select id, name, false as retired from public.agents where supervisor_id is not null and retired_at is null
           order by name collate "C", id limit 200)
          union
          select id, name, retired_at is not null from public.agents where id = $1) a
        order by name collate "C", id
        """,
        UUID(chosen) if chosen else None,
    )
