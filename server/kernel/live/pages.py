"""Live pages as their areas declare them, and the audiences of a page."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from starlette.requests import Request

from server.kernel.auth import Viewer
from server.kernel.http import Partials
from server.kernel.live.regions import Regions
from server.kernel.live.scheduler import BURST

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Page(Generic[Shown]):
    """A kind of live page.

    `function` is the SQL function that reads it, also named by a row of private.pages. It returns a record of type
    `shows`, or null where the viewer may not see the page. `render` makes the regions of that record: id → partial.

    Pages are read by functions and not by the text of queries, because planning the text each time costs 45 %. One
    round trip (private.read_audiences_v2) reads all audiences that rang, each with its own claims; an audience whose
    read fails does not affect the others (2026-11-22).
    """

    name: str
    function: str
    shows: type[Shown]
    tables: frozenset[str]  # a notification of one of these rings the page
    urgent: frozenset[str]  # tables whose rings are read first, with a throttle of their own
    render: Callable[[Shown, Partials], Regions]
    # Seconds between two reads of an audience in the long run; after a pause, `burst` may follow each other at once.
    every: float
    urgent_every: float  # the same for urgent reads
    # Returns the audiences of /stream?page=name; None for a page that is only shown beside another.
    watch: "Watch | None" = None
    burst: int = BURST
    # An expensive page that all its viewers may share: read at most once per `every` seconds, for first pages too (reads.py).
    shared: bool = False
    title: "Callable[[Shown], str] | None" = None  # for a page whose title depends on its record

    def regions(self, shown: Shown | None, partials: Partials) -> Regions:
        """The regions of a record; none where the viewer may not see it any more."""
        return {} if shown is None else self.render(shown, partials)


@dataclass(frozen=True, slots=True)
class Audience:
    """Viewers who see the same bytes: the same page, rows and arguments. It is read and rendered once for all of them."""

    page: Page[Any]
    whose: str  # a supervisor's id, or * for the rows of all supervisors
    arguments: str  # a JSON object, as the page's function takes it

    @property
    def topics(self) -> list[str]:
        """The topics that ring it."""
        return [f"{table}:{self.whose}" for table in sorted(self.page.tables)]


# Returns the audiences that a request to /stream?page=… watches.
Watch: TypeAlias = Callable[[Request, Viewer], Awaitable[Sequence[Audience]]]
