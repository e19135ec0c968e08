"""What alerts a rule has, in plain Python: the reference that the database is compared with.

A stream is a list of moments. At each, what the rule measures of one subject is known, and the rule is evaluated once.
"""

from collections.abc import Iterable
from dataclasses import dataclass

CALM = 30  # seconds after which a condition that is over has ended
MARGIN = 5  # points by which a satisfaction or a share must have recovered


@dataclass(frozen=True, slots=True)
class Moment:
    """One evaluation of a rule for one subject, `at` in seconds."""

    at: int
    met: bool  # the condition opens an alert
    lasts: bool  # it is not over; wider than `met`
    there: bool = True  # the subject exists
    hours: bool = True  # within the hours of the rule


@dataclass(slots=True)
class Called:
    """An alert: when it opened, when it closed and why."""

    opened: int
    closed: int | None = None
    because: str | None = None


def alerts(moments: Iterable[Moment]) -> list[Called]:
    """All alerts of one rule and one subject, in the order in which they opened."""
    made: list[Called] = []
    calm_since: int | None = None
    for now in moments:
        current = made[-1] if made and made[-1].closed is None else None
        if current is None:
            if now.there and now.met and now.hours:
                made.append(Called(now.at))
                calm_since = None
        elif not now.there:
            current.closed, current.because = now.at, "ended"
        elif now.lasts:
            calm_since = None
        elif calm_since is None:
            calm_since = now.at
        elif now.at - calm_since >= CALM:
            current.closed, current.because = now.at, "over"
    return made
