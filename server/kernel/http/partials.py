"""Rendered partials that a live page keeps while their content stays the same."""

import marshal
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from server.kernel.http.rendering import Shown, Template

Made = TypeVar("Made")
Row = TypeVar("Row", bound=Mapping[str, Any])


class Partials:
    """The partials of one audience. A partial is rendered again only when its content has changed.

    A row may carry a row version: the ids of the transactions (xmin) that wrote it. The next read names the known versions
    and gets only the other rows. On the whole floor, in one run, commit → screen fell from 1,543 to 85 ms at p99, and web
    processes from 1.04 to 0.83 cores (bench floor, 2026-11-25). After any gap, stream.py begins with empty Partials.
    """

    __slots__ = ("_before", "_now")

    def __init__(self) -> None:
        self._before: dict[str, tuple[str | bytes, Any]] = {}
        self._now: dict[str, tuple[str | bytes, Any]] = {}

    def __call__(self, name: str, template: Template[Shown], shown: Shown) -> str:
        """Render a partial under a name of its own; `shown` consists of JSON values."""
        return self._made(name, _digest(shown), lambda: template.html(shown))

    def of_row(self, row: Row, make: Callable[[Row], Made]) -> Made:
        """Make something of a row with an id, again only when its row_version, or without one its content, has changed."""
        return self._made(row["id"], row.get("row_version") or _digest(row), lambda: make(row))

    def _made(self, name: str, version: str | bytes, make: Callable[[], Made]) -> Made:
        known = self._before.get(name)
        made: Made = known[1] if known is not None and known[0] == version else make()
        self._now[name] = version, made
        return made

    def note(self, name: str, version: str) -> None:
        """Keep something of this state in addition to its rows."""
        self._now[name] = version, None

    @property
    def row_versions(self) -> dict[str, str]:
        """Row versions of this state by id or name. A row that still has its version need not be read again."""
        return {name: version for name, (version, _) in self._now.items() if isinstance(version, str)}

    def turn(self) -> None:
        """Begin the next state, and forget what was not used in this one."""
        self._before, self._now = self._now, {}


def _digest(context: Any) -> bytes:
    # Equal values give equal bytes in version 2. 4 times as fast as repr, 5 times as json.dumps (bench optimisations).
    return marshal.dumps(context, 2)
