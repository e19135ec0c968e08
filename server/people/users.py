"""People: the rows of logins, and what an admin changes in them."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from server.errors import NotFound
from server.kernel.auth import name_fault
from server.kernel.db import Connection, Record

Kind = Literal["admin", "voice", "chat"]
KINDS: tuple[Kind, ...] = ("voice", "chat", "admin")
STATES = ("active", "deactivated")
COLUMNS = ("email", "name", "role", "username", "supervisor_type", "agents", "state", "created_at")
_EMAIL = re.compile(r"[^@\s,;<>()\"\\]{1,64}@[^@\s,;<>()\"\\]+\.[^@\s.,;<>()\"\\]+")
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,99}")
_STATE = """case when u.deactivated_at is not null or u.banned_until > now() then 'deactivated' else 'active' end"""
_PERSON = f"""u.id, u.email, u.name, u.role, u.username, u.supervisor_type, u.deactivated_at, u.banned_until, u.created_at,
  coalesce(u.supervisor_type, u.role) as kind, coalesce(u.banned_until > now(), false) as banned, {_STATE} as state,
  (select count(*) from public.agents a where a.supervisor_id = u.id and a.retired_at is null) as agents"""


@dataclass(slots=True)
class Draft:
    """The values of a form; `faults` has a sentence for each field that is refused."""

    email: str = ""
    name: str = ""
    kind: str = "voice"
    username: str = ""
    faults: defaultdict[str, str] = field(default_factory=lambda: defaultdict(str))

    def check(self) -> None:
        """Add a fault for each value that the Auth server or the table would refuse."""
        if len(self.email) > 255 or not self.email.isascii() or not _EMAIL.fullmatch(self.email):
            self.faults["email"] = "This is not an e-mail address."
        if fault := name_fault(self.name):
            self.faults["name"] = fault
        if self.kind not in KINDS:
            self.faults["kind"] = "A person is a voice supervisor, a chat supervisor or an admin."
        elif self.kind != "admin" and not _USERNAME.fullmatch(self.username):
            self.faults["username"] = (
                "2 to 100 small letters, digits, dots, hyphens and underscores; the first one a letter or digit."
            )

    @property
    def app_metadata(self) -> dict[str, str]:
        """The metadata with which a login becomes a person with rights."""
        if self.kind == "admin":
            return {"app_role": "admin"}
        return {"app_role": "supervisor", "supervisor_type": self.kind, "username": self.username}

    @property
    def changes(self) -> dict[str, list[str | None]]:
        """The values of a new person, for the audit."""
        return {"email": [None, self.email], "name": [None, self.name]} | {
            name: [None, value] for name, value in self.app_metadata.items()
        }


async def listed(
    connection: Connection, filters: Mapping[str, str], limit: int | None = None
) -> Sequence[Record]:
    """People who match, by name; `total` of each row is the number of all."""
    return await connection.fetch(
        f"""
        select {_PERSON}, count(*) over () as total from public.users u
        where ($1 = '' or strpos(lower(concat_ws(' ', u.name, u.username, u.email)), lower($1)) > 0)
          and ($2 = '' or coalesce(u.supervisor_type, u.role) = $2)
          and ($3 = '' or {_STATE} = $3)
        order by lower(u.name) collate "C", u.id limit $4
        """,
        filters.get("q", ""),
        filters.get("kind", ""),
        filters.get("state", ""),
        limit,
    )


async def find(connection: Connection, person: UUID) -> Record:
    """The person. NotFound when there is none."""
    row = await connection.fetchrow(f"select {_PERSON} from public.users u where u.id = $1", person)
    if row is None:
        raise NotFound("There is no such person.")
    return row


async def agents_of(connection: Connection, person: UUID) -> Sequence[Record]:
    """Their agents, retired ones last."""
    return await connection.fetch(
        """
        select a.id, a.name, a.status, a.slot, a.retired_at
        from public.agents a where a.supervisor_id = $1 order by a.retired_at nulls first, a.slot, a.created_at
        """,
        person,
    )


async def taken(connection: Connection, draft: Draft, person: UUID | None = None) -> None:
    """Add a fault where another person has this address or username."""
    row = await connection.fetchrow(
        """
        select coalesce(bool_or(lower(email) = lower($1)), false) as email,
          coalesce(bool_or(lower(username) = lower($2)), false) as username
        from public.users where (lower(email) = lower($1) or lower(username) = lower($2)) and id is distinct from $3
        """,
        draft.email,
        draft.username,
        person,
    )
    assert row is not None
    if row["email"]:
        draft.faults["email"] = "There is already a person with this e-mail address."
    if row["username"] and draft.kind != "admin":
        draft.faults["username"] = "This username is taken."


async def note(
    connection: Connection, person: UUID, action: str, changes: Mapping[str, Sequence[Any]]
) -> None:
    """Write to the audit that the viewer made this change at the Auth server.

    The trigger on the Auth server's tables writes an entry too, but cannot know the viewer; `audit_logs.of_person` leaves it out.
    """
    await connection.execute("select public.note_person($1, $2, $3)", person, action, dict(changes))


async def deactivate(connection: Connection, person: UUID) -> None:
    """Take their rights and end their sessions. NotFound; Conflict for the viewer themselves, so that an admin remains."""
    await connection.execute("select id from public.deactivate_person($1)", person)


async def reactivate(connection: Connection, person: UUID) -> None:
    """Give their rights back. NotFound; Conflict when the login was deleted."""
    await connection.execute("select id from public.reactivate_person($1)", person)


async def change_type(connection: Connection, person: UUID, supervisor_type: str) -> None:
    """Change voice or chat. NotFound; Conflict while they have agents, retired ones included, because their history has that type.

    Only this function changes the type: the trigger on auth.users refuses one that comes with the metadata of a login.
    """
    await connection.execute("select id from public.change_supervisor_type($1, $2)", person, supervisor_type)
