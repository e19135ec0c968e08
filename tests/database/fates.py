"""The words of matrix.py: who acts, what may happen, and how a table says it."""

from dataclasses import dataclass, field
from typing import TypeAlias

Grid: TypeAlias = dict[str, dict[str, str]]

ACTORS = {
    "anon": "a visitor without a token",
    "web": "the web process's login before it becomes anybody",
    "nobody": "a signed-in person whom we do not know",
    "owner": "the supervisor whose rows they are",
    "other": "another supervisor",
    "admin": "an admin",
    "deactivated": "a deactivated supervisor, who looks at their own rows",
    "deactivated_admin": "a deactivated admin",
    "its_key": "a key of the agent in the rows",
    "other_key": "a key of another agent",
    "revoked_key": "a revoked key of the agent in the rows",
    "service": "service_role: no policy binds it, so its grants are few",
}
FATES = {
    "sees": "reads the sample's rows",
    "adds": "the new row is stored",
    "changes": "the sample's rows are changed",
    "deletes": "the sample's rows are gone",
    "nothing": "no error and no row: the policy hides them",
    "refused": "42501: no grant, not for a single column of the group",
    "walled": "42501: granted, but the policy refuses this row",
    "FW403": "only for another role",
    "FW404": "unknown, as another's is",
    "kept": "23503 or 23001: history hangs on it",
}


def grid(text: str) -> Grid:
    """Read the words under their headings: actor → heading → fate."""
    head, *lines = (line.split() for line in text.strip().splitlines())
    return {actor: dict(zip(head, words, strict=True)) for actor, *words in lines}


EVERYBODY = grid("""
                    select    insert    update    delete
anon                refused   refused   refused   refused
web                 refused   refused   refused   refused
nobody              nothing   refused   refused   refused
owner               sees      refused   refused   refused
other               nothing   refused   refused   refused
admin               sees      refused   refused   refused
deactivated         nothing   refused   refused   refused
deactivated_admin   nothing   refused   refused   refused
its_key             refused   refused   refused   refused
other_key           refused   refused   refused   refused
revoked_key         refused   refused   refused   refused
service             refused   refused   refused   refused
""")
SERVICE_READS = grid("""
                    select
service             sees
""")
CLOSED = {actor: dict.fromkeys(("select", "insert", "update", "delete"), "refused") for actor in ACTORS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    rows: str  # which are the sample's; {names} are of sample.py
    groups: dict[str, str]  # column group → its columns
    fates: Grid = field(default_factory=dict)  # where it differs
    otherwise: Grid = field(default_factory=lambda: EVERYBODY)  # from this
    new: dict[str, str] = field(default_factory=dict)  # a valid row, as SQL
    first: str = ""  # what makes room for the new row
    change: dict[str, str] = field(default_factory=dict)  # group → a real change; else col = col

    def fate(self, actor: str, verb: str, group: str) -> str:
        own = self.fates.get(actor, {})
        return own.get(f"{verb}.{group}") or own.get(verb) or self.otherwise[actor][verb]


def closed(columns: str) -> Table:
    """A table that is reached through functions only."""
    return Table(rows="true", groups={"all": columns}, otherwise=CLOSED)


def view(rows: str, columns: str, fates: Grid | None = None) -> Table:
    """A view, which is only read."""
    return Table(rows=rows, groups={"all": columns}, fates=fates or {})
