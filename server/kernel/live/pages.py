"""Live pages as their areas declare them, and who sees the same one."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from starlette.requests import Request

from server.kernel.auth import Viewer
from server.kernel.http import Partials
from server.kernel.live.regions import Regions

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Page(Generic[Shown]):
    """A kind of live page.

    `function` reads it; the table private.pages names it as well. `shows` is the record that it gives, or null where the viewer
    may not see the page. `render` makes regions of it: region's id → its partial.
    """

    name: str
    function: str
    shows: type[Shown]
    tables: frozenset[str]  # whose notifications ring it
    urgent: frozenset[str]  # of these: those that come first and have a throttle of their own
    render: Callable[[Shown, Partials], Regions]
    every: (
        float  # seconds between two reads in the long run; a few may follow one another at once after a pause
    )
    urgent_every: float  # the same for what is urgent
    watch: "Watch | None" = (
        None  # of a page with a stream of its own, /stream?page=name; none for one beside another
    )

    title: "Callable[[Shown], str] | None" = None  # of a page whose title depends on what it shows

    def regions(self, shown: Shown | None, partials: Partials) -> Regions:
        """The regions of what was read; none where there is nothing to see, or no more."""
        return {} if shown is None else self.render(shown, partials)


@dataclass(frozen=True, slots=True)
class Audience:
    """Whose rows on which page: everybody in it sees the same bytes."""

    page: Page[Any]
    whose: str  # a supervisor's id, or * for everybody's
    arguments: str  # JSON object, as the page's function takes it

    @property
    def topics(self) -> list[str]:
        """What rings it."""
        return [f"{table}:{self.whose}" for table in sorted(self.page.tables)]


# Which audiences a request to /stream?page=… is about.
Watch: TypeAlias = Callable[[Request, Viewer], Awaitable[Sequence[Audience]]]
