"""The wallboard of admins: its record, its filters and its regions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self, TypedDict
from urllib.parse import urlencode

from server.errors import Invalid
from server.kernel.http import Partials, Template
from server.kernel.live import FeedLine, Regions


class Numbers(TypedDict):
    """The numbers above a page; `agents`: status → how many."""

    active: int
    critical: int  # and heard
    silent: int
    pending: int
    oldest_pending: str | None
    pending_tests: int  # the requests of test interactions, which no other number includes
    satisfaction: float | None  # of those that are heard
    agents: dict[str, int] | None


class Row(TypedDict):
    """An active interaction on the wallboard: a row of private.interaction_rows."""

    id: str
    agent_name: str
    username: str
    interaction_type: str
    started_at: str
    phone_number: str | None
    last_seen_at: str
    sentiment: str | None
    satisfaction_score: float | None
    feed: FeedLine | None
    grants: int | None
    caller: str | None
    is_test: bool
    silent_since: str | None
    scores: list[float]  # each third


class Supervisor(TypedDict):
    """How a supervisor stands; test interactions count in none of it."""

    username: str
    active: int
    critical: int  # and heard
    silent: int
    waiting: int  # requests
    agents: list[str]  # by slot: critical, neutral, good, unknown, silent or idle


class Wallboard(TypedDict):
    """The result of private.wallboard: the first of the `matching` interactions."""

    numbers: Numbers
    interactions: list[Row]
    matching: int
    live: int  # with those that the filters hide
    filters: dict[str, str]  # and the order
    supervisors: list[Supervisor]


class NumbersShown(TypedDict):
    numbers: Numbers


class _Link(TypedDict):
    """A supervisor in the strip: a filter."""

    href: str
    chosen: bool
    name: str  # a whole sentence
    words: str  # of the interactions
    one: Supervisor


class _SupervisorsShown(TypedDict):
    links: list[_Link]


class _InteractionsShown(TypedDict):
    interactions: list[Row]
    order: str
    more: int  # that match
    hidden: int  # by the filters
    clear: str  # the address without filters
    agents: int  # in use


NUMBERS = Template("floor/_numbers.html", NumbersShown)
SUPERVISORS = Template("floor/_supervisors.html", _SupervisorsShown)
INTERACTIONS = Template("interactions/_interactions.html", _InteractionsShown)

# The orders of the wallboard's list, as its heading names them.
ORDERS = {
    "": "worst first",
    "satisfaction": "lowest satisfaction first",
    "longest": "longest first",
    "newest": "newest first",
    "unheard": "longest unheard first",
    "supervisor": "by supervisor",
}


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of the wallboard's list, and its order; empty means all, and the worst first."""

    type: str = ""
    sentiment: str = ""
    supervisor: str = ""
    stale: str = ""
    sort: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """From a query string. Invalid for an unknown value."""
        found = cls(**{name: query.get(name, "").strip() for name in cls.__slots__})
        if (
            found.type not in ("", "voice", "chat")
            or found.sentiment not in ("", "good", "neutral", "critical")
            or found.stale not in ("", "1")
            or found.sort not in ORDERS
            or len(found.supervisor) > 100
            or "\x00" in found.supervisor
        ):
            raise Invalid("There is no such filter.")
        return found

    @property
    def chosen(self) -> dict[str, str]:
        """The filters that are set, and the order."""
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name)}

    @property
    def address(self) -> str:
        """The wallboard with these filters in this order."""
        return "/?" + urlencode(self.chosen) if self.chosen else "/"

    @property
    def without_filters(self) -> str:
        """The address of the whole wallboard in the same order."""
        return Filters(sort=self.sort).address


def wallboard(shown: Wallboard, partials: Partials) -> Regions:
    """The regions of the wallboard."""
    numbers, interactions = shown["numbers"], shown["interactions"]
    filters = Filters(**shown["filters"])
    return {
        "numbers": partials("numbers", NUMBERS, NumbersShown(numbers=numbers)),
        "supervisors": partials(
            "supervisors",
            SUPERVISORS,
            _SupervisorsShown(links=[_link(one, filters) for one in shown["supervisors"]]),
        ),
        "interactions": partials(
            "interactions",
            INTERACTIONS,
            _InteractionsShown(
                interactions=interactions,
                order=ORDERS[filters.sort],
                more=shown["matching"] - len(interactions),
                hidden=shown["live"] - shown["matching"],
                clear=filters.without_filters,
                agents=sum((numbers["agents"] or {}).values()),
            ),
        ),
    }


def _link(one: Supervisor, filters: Filters) -> _Link:
    chosen = filters.supervisor == one["username"]
    words = ", ".join(
        f"{one[state]} {state}"
        for state in ("active", "critical", "silent")
        if one[state] or state == "active"
    )
    waiting, idle = one["waiting"], one["agents"].count("idle")
    sentence = f"{one['username']}: {words}"
    if waiting:
        sentence += f", {waiting} request{'s' if waiting > 1 else ''} waiting"
    if idle:
        sentence += f", {idle} agent{'s' if idle > 1 else ''} idle"
    return _Link(
        href=replace(filters, supervisor="" if chosen else one["username"]).address,
        chosen=chosen,
        name=sentence + (". Show everybody" if chosen else ""),
        words=words,
        one=one,
    )
