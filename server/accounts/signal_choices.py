"""Which signals call a person, and how: their choice, their quiet hours, and what their open pages have given them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from server.errors import Invalid
from server.kernel.auth import Role
from server.kernel.db import Connection, Record, lengths
from server.kernel.http import time_of_day

# In the order of the page. An admin has no floor of their own, so that only requests call them.
SIGNALS = {
    "request": ("A new request", "An agent waits for your decision."),
    "half": ("Half of its time is over", "Nobody has decided. Admins are called now, too."),
    "ending": ("30 seconds are left", "Then the request expires and the tool does not run."),
    "critical": ("An interaction becomes critical", "Again within a minute counts as the same time."),
    "silent": ("Nothing heard for a minute", "The agent of an interaction has sent nothing."),
}
_OF_REQUESTS = ("request", "half", "ending")
_MOST = 50  # signals that a page reports at once


def offered(role: Role) -> tuple[str, ...]:
    """The signals that a person of this role can choose."""
    return _OF_REQUESTS if role == "admin" else tuple(SIGNALS)


@dataclass(frozen=True, slots=True)
class Choices:
    """What calls a person. Quiet hours are HH:MM by the clock of the zone, or both empty."""

    sounds: frozenset[str]
    notifications: frozenset[str]
    quiet_from: str
    quiet_until: str
    zone: str

    @classmethod
    def of(cls, row: Record, zone: str) -> Self:
        """From a row of private.own_signals; `zone`: that of the browser, for a person who has chosen nothing."""
        return cls(
            frozenset(row["sounds"]),
            frozenset(row["notifications"]),
            _clock(row["quiet_from"]),
            _clock(row["quiet_until"]),
            row["zone"] or zone or "UTC",
        )

    @classmethod
    def typed(cls, fields: Mapping[str, str], role: Role) -> Self:
        """From the fields of the form, as they were typed."""
        known = offered(role)
        on = fields.get("quiet") == "yes"
        return cls(
            frozenset(name for name in known if fields.get(f"sound-{name}") == "yes"),
            frozenset(name for name in known if fields.get(f"notification-{name}") == "yes"),
            fields.get("quiet_from", "").strip()[:10] if on else "",
            fields.get("quiet_until", "").strip()[:10] if on else "",
            fields.get("zone", "").strip()[: lengths.ZONE],
        )


def _clock(at: dt.time | None) -> str:
    return at.strftime("%H:%M") if at is not None else ""


async def own(connection: Connection, zone: str) -> Choices:
    """What the viewer has chosen, or what calls those who have chosen nothing."""
    row = await connection.fetchrow("select * from private.own_signals()")
    if row is None:
        raise Invalid("Only people choose what calls them.")
    return Choices.of(row, zone)


async def choose(connection: Connection, choices: Choices, *, quiet: bool) -> None:
    """Save the viewer's choices. Invalid for quiet hours that are no times or equal, and for an unknown zone."""
    begins, ends = (_time(text, quiet=quiet) for text in (choices.quiet_from, choices.quiet_until))
    if "\x00" in choices.zone:
        raise Invalid("There is no such time zone.")
    await connection.execute(
        "select public.choose_signals($1, $2, $3, $4, $5)",
        sorted(choices.sounds),
        sorted(choices.notifications),
        begins,
        ends,
        choices.zone,
    )


def _time(text: str, *, quiet: bool) -> dt.time | None:
    if not quiet:
        return None
    found = time_of_day(text)
    if found is None:
        raise Invalid("Quiet hours begin and end at a time such as 22:00.")
    return found


def read_given(text: str) -> list[tuple[str, UUID, dt.datetime]]:
    """Signals as a page reports them: one per line, `signal id since`. Invalid for anything else."""
    lines = text.split("\n")
    if len(lines) > _MOST:
        raise Invalid(f"A page reports at most {_MOST} signals at once.")
    found = []
    for line in lines:
        signal, _, rest = line.partition(" ")
        subject, _, since = rest.partition(" ")
        try:
            at = dt.datetime.fromisoformat(since)
            given = (signal, UUID(subject), at)
        except ValueError:
            raise Invalid("A signal is reported as its name, an id and a time.") from None
        if signal not in SIGNALS or at.tzinfo is None:
            raise Invalid("A signal is reported as its name, an id and a time with its zone.")
        found.append(given)
    return found


async def note_given(connection: Connection, given: Sequence[tuple[str, UUID, dt.datetime]]) -> None:
    """A page of the viewer has given them these signals."""
    await connection.execute("select private.note_given_signals($1, $2, $3)", *zip(*given, strict=True))
