"""The audit of one person: who did what, and when."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from server.kernel.db import Connection

_ACTIONS = {
    "users.create": "created",
    "users.invite": "invited",
    "users.insert": "created",
    "users.change": "changed",
    "users.update": "changed",
    "users.recovery": "sent an e-mail for a new password",
}
_FIELDS = {"app_role": "role", "supervisor_type": "type"}
_MACHINES = {"supabase_auth_admin", "postgres", "service_role", "supabase_admin"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: the time, the person or service, the action in words, and the changed fields."""

    at: dt.datetime
    actor: str
    action: str
    changes: list[tuple[str, str, str]]  # field, before, after


async def of_person(connection: Connection, person: UUID, limit: int = 100) -> list[Entry]:
    """The newest entries first.

    The trigger on the Auth server's tables cannot know which admin made a change, so `users.note` writes a second entry. The
    trigger's entry is left out where there is one by a person within 15 seconds.
    """
    rows = await connection.fetch(
        """
        select l.at, l.actor, l.action, l.changes from public.audit_logs l
        where l.row_id = $1 and l.action like 'users.%' and (l.actor_id is not null
          or (l.action <> 'users.insert' and l.changes ? 'role') or not exists (
          select from public.audit_logs o where o.row_id = l.row_id and o.actor_id is not null and o.action like 'users.%'
            and o.action <> 'users.recovery' and o.at between l.at - interval '15 seconds' and l.at + interval '15 seconds'))
        order by l.id desc limit $2
        """,
        str(person),
        limit,
    )
    return [_entry(row) for row in rows]


def _entry(row: Any) -> Entry:
    changes: Mapping[str, Sequence[Any]] = row["changes"]
    action = _ACTIONS.get(row["action"], row["action"])
    if "deactivated_at" in changes:
        action = "reactivated" if changes["deactivated_at"][1] is None else "deactivated"
        changes = {}
    elif row["action"] == "users.recovery":
        changes = {}
    actor = "the sign-in service" if row["actor"] in _MACHINES else row["actor"]
    return Entry(
        row["at"],
        actor,
        action,
        [(_FIELDS.get(name, name), _text(before), _text(after)) for name, (before, after) in changes.items()],
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)
