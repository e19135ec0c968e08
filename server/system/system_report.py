"""What the database reports about itself, and what of it is not OK, for admins."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.kernel.db import Connection

# Trouble → what it is, and what to do about it.
TROUBLES = {
    "hub": (
        "Notifications do not arrive",
        "Pages are stale until they do. Check that PostgreSQL runs and that DATABASE_LISTEN_URL is a session connection; `floorwalker doctor` tries it.",
    ),
    "polling": (
        "Notifications are replaced by polling",
        "Pages are up to two seconds late. DATABASE_LISTEN_URL must be a session connection, not a transaction pooler.",
    ),
    "backup": (
        "No backup for more than a day",
        "See `daily_backup_failed` in the log for why, make room on the disk, and run `floorwalker backup`.",
    ),
    "queue": (
        "The notification queue is more than half full",
        "A connection listens without reading, or is idle in a transaction. End it: it is the oldest transaction below, or a listener that hangs.",
    ),
    "connections": (
        "More than four fifths of the connections are used",
        "Stop programs that are not needed, or raise max_connections of PostgreSQL.",
    ),
    "transaction": (
        "A transaction is open for more than 15 minutes",
        "It keeps dead rows and notifications. Find it in pg_stat_activity, and end its program.",
    ),
    "sweeper": (
        "Requests that have expired are not marked",
        "No web process sweeps. Check that one runs, and look for `sweep_failed` and `task_died` in the log.",
    ),
    "sums": (
        "Performance totals are far behind",
        "The sweeper does not keep up or does not run. Look for `sweep_failed` in the log; numbers of the leaderboard stay right, and slow.",
    ),
    "views": (
        "A view passes row-level security",
        "Its readers see all rows. The statement below repairs it.",
    ),
    "profiles": (
        "Somebody signed in and has no profile",
        "The list at the end of this page says who and why; make them under People.",
    ),
}
_BACKUP_AGE = dt.timedelta(hours=26)  # one a day, and time to make it


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not OK."""

    title: str
    advice: str
    since: dt.datetime


def troubles(
    report: Mapping[str, Any], hub: tuple[str, dt.datetime], backup: dt.datetime | None, now: dt.datetime
) -> list[Trouble]:
    """What is not OK, the oldest first: what the database reports, the state of the hub and since when, and the last backup of
    an embedded server, or when its first person came (None: it has none to make).
    """
    found = {one["name"]: dt.datetime.fromisoformat(one["since"]) for one in report["troubles"]}
    if hub[0] != "live":
        found["polling" if hub[0] == "polling" else "hub"] = hub[1]
    if backup is not None and now - backup > _BACKUP_AGE:
        found["backup"] = backup + _BACKUP_AGE
    return sorted(
        (Trouble(*TROUBLES[name], since) for name, since in found.items()), key=lambda one: one.since
    )


COLUMNS = ("name", "rows", "dead_rows", "bytes", "index_bytes", "index_reads", "whole_reads", "vacuumed_at")


async def read(connection: Connection) -> dict[str, Any]:
    """Sizes, index use, slow queries, retention and faults (`public.system_report`), and when the first person came. Forbidden for other roles."""
    row = await connection.fetchrow(
        "select public.system_report() as report, (select min(created_at) from public.users) as first_person_at"
    )
    assert row is not None
    found: dict[str, Any] = row["report"]
    return found | {"first_person_at": row["first_person_at"]}
