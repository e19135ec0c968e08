"""The rules of alerts, which admins make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from server.errors import NotFound
from server.kernel.db import Connection, Record


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as the form explains it."""

    label: str
    unit: str
    lowest: int
    highest: int
    looks_back: bool = False  # over a number of minutes


CONDITIONS = {
    "critical": Condition("An interaction is critical for", "seconds", 5, 3600),
    "silence": Condition("An agent is silent for", "seconds", 5, 3600),
    "satisfaction": Condition("Satisfaction is under", "%", 1, 100),
    "pending": Condition("A tool permission waits for", "seconds", 5, 360),
    "expired": Condition("Of a supervisor's tool permissions expired at least", "%", 1, 100, looks_back=True),
    "failed": Condition(
        "Of a supervisor's interactions failed at least", "interactions", 1, 1000, looks_back=True
    ),
}
CALLS = {
    "both": "the supervisor and the admins",
    "supervisor": "the supervisor whose interaction it is",
    "admins": "the admins",
}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LIST = """
select r.*, u.username from public.alert_rules r left join public.users u on u.id = r.supervisor_id
where r.retired_at is null
"""


async def read(connection: Connection) -> Sequence[Record]:
    """The rules in force, by name, with the username of the supervisor whose interactions they are about."""
    return await connection.fetch(f"{_LIST} order by pg_catalog.lower(r.name), r.id")


async def one(connection: Connection, rule_id: UUID) -> Record:
    """One rule in force. NotFound."""
    found = await connection.fetchrow(f"{_LIST} and r.id = $1", rule_id)
    if found is None:
        raise NotFound("There is no such rule.")
    return found


async def supervisors(connection: Connection, present: UUID | None) -> Sequence[Record]:
    """Whom a rule may be about: id, username and whether they have left. `present`, whom it is about now, is among them in any case."""
    return await connection.fetch(
        """
        select id, username, deactivated_at is not null as has_left from public.users
        where role = 'supervisor' and (deactivated_at is null or id = $1) order by username
        """,
        present,
    )


async def save(connection: Connection, rule_id: UUID, version: int, rule: Mapping[str, Any]) -> None:
    """Make a rule (version 0) or change this version. Forbidden, NotFound, Conflict, Invalid."""
    await connection.fetchval("select public.save_alert_rule($1, $2, $3)", rule_id, version, dict(rule))


async def retire(connection: Connection, rule_id: UUID) -> None:
    """End a rule. Forbidden, NotFound."""
    await connection.execute("select public.retire_alert_rule($1)", rule_id)
