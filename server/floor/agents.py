"""The order of agents' cards on a floor: who needs a person comes first, and no card jumps."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

# A card moves up at once, and down when it has been out of the higher class for so long. When it left is in the row of its
# interaction (…_until) or of its request, so the order is a function of rows alone: a page that opens, and a server that
# starts again, give the same. A report of the agent or of another agent of the floor makes the page look again.
_STAYS = dt.timedelta(seconds=30)
_NOW = dt.datetime.max.replace(tzinfo=dt.UTC)  # still in the class
_CRITICAL, _REST = 0, 4  # the first and the last of the five classes


@dataclass(frozen=True, slots=True)
class Standing:
    """What the order needs to know of an agent's card; times are those at which it left a class."""

    slot: int
    critical: bool  # now, and heard
    silent: bool
    critical_until: dt.datetime | None = None
    silent_until: dt.datetime | None = None
    low_until: dt.datetime | None = None


def instant(text: str | None) -> dt.datetime | None:
    """A time in JSON from the database; infinity is later than any other."""
    if text is None:
        return None
    return _NOW if text == "infinity" else dt.datetime.fromisoformat(text)


def in_order(
    standings: Mapping[str, Standing], asking: Collection[str], asked_until: Mapping[str, str], at: str
) -> list[str]:
    """The agents in the order of their cards.

    Critical now; critical until a moment ago; silent; with a request that waits; with a satisfaction under CRITICAL_BELOW; the
    rest; within a class by slot. `asking` are the agents with a request that waits, `at` is when the rows were read.
    """
    earliest = dt.datetime.fromisoformat(at) - _STAYS

    def key(agent: str) -> tuple[int, bool, int]:
        one = standings[agent]
        asked = _NOW if agent in asking else instant(asked_until.get(agent))
        left = (
            _NOW if one.critical else one.critical_until,
            _NOW if one.silent else one.silent_until,
            asked,
            one.low_until,
        )
        kind = next((kind for kind, until in enumerate(left) if until and until > earliest), _REST)
        return kind, kind == _CRITICAL and not one.critical, one.slot

    return sorted(standings, key=key)
