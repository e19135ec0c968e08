"""The settings that admins change, what they mean, and who changed what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.kernel.db import Connection, Record

HISTORY = 100  # changes that the page lists


@dataclass(frozen=True, slots=True)
class Described:
    """A setting as the page explains it."""

    title: str
    unit: str  # empty for a list of lines
    meaning: str
    begins: str  # when a change takes effect
    # What is lost for good when the value becomes smaller; empty where nothing is.
    deletes: str = ""


GROUPS: dict[str, dict[str, Described]] = {
    "Tool permissions": {
        "permission_seconds": Described(
            "Time to decide",
            "seconds",
            "A request that nobody has answered by then expires. Six minutes at most.",
            "for requests from now on",
        ),
        "pending_per_agent": Described(
            "Requests of one agent",
            "at once",
            "One more that waits for a decision is refused.",
            "with the next request",
        ),
        "reasons": Described(
            "Reasons of a denial",
            "",
            "One a line, at most twelve of at most 100 characters. A denial offers them.",
            "on all open pages at once",
        ),
    },
    "Thresholds": {
        "stale_seconds": Described(
            "Silent after",
            "seconds",
            "Without a metric or a turn. A silent interaction is not in averages, and stands among the first.",
            "within a second; who is silent already stays so until heard",
        ),
        "reap_seconds": Described(
            "Failed after",
            "seconds",
            "Without a metric, a turn or a request for a tool. The interaction ends as failed.",
            "within a second",
        ),
        "critical_below": Described(
            "Low satisfaction",
            "%",
            "Under it an interaction stands before those that go well.",
            "with the next metric of an interaction",
        ),
    },
    "Retention": {
        "metrics_hours": Described(
            "Metrics",
            "hours",
            "After the end of their interaction. A series of 120 points stays as long as the archive.",
            "within ten minutes",
            "Metrics that are older are deleted for good.",
        ),
        "archive_days": Described(
            "Archives",
            "days",
            "With them go transcripts, customers' numbers, arguments of tools and notes. Who decided what stays.",
            "within ten minutes",
            "Archives that are older are deleted for good, with transcripts, numbers and arguments.",
        ),
    },
}
TITLES = {name: one.title for group in GROUPS.values() for name, one in group.items()}
UNITS = {name: one.unit for group in GROUPS.values() for name, one in group.items()}
DELETES = {name: one.deletes for group in GROUPS.values() for name, one in group.items() if one.deletes}


async def present(connection: Connection) -> Mapping[str, Mapping[str, Any]]:
    """Setting → now, initial, chosen, fixed, lowest, highest and last {at, by, before}. Forbidden for other roles."""
    found: Mapping[str, Mapping[str, Any]] = await connection.fetchval("select public.present_settings()")
    return found


async def history(connection: Connection) -> Sequence[Record]:
    """The last changes, newest first: name, before, after, at, changed_by_name (None: the environment)."""
    return await connection.fetch(
        """
        select name, before, after, at, changed_by_name from public.setting_changes order by id desc limit $1
        """,
        HISTORY,
    )


async def change(connection: Connection, name: str, value: str | None, seen: str) -> None:
    """Choose a value, or with None the initial one, if `seen` still holds. Forbidden, NotFound, Conflict, Invalid."""
    await connection.execute("select public.change_setting($1, $2, $3)", name, value, seen)
