"""Partials that a live page keeps as long as what they show stays the same."""

import marshal
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from server.kernel.http.rendering import partial

Made = TypeVar("Made")


class Partials:
    """Partials of one audience, rendered again only when what they show has changed."""

    __slots__ = ("_before", "_now")

    def __init__(self) -> None:
        self._before: dict[str, tuple[str | bytes, Any]] = {}
        self._now: dict[str, tuple[str | bytes, Any]] = {}

    def __call__(self, name: str, template: str, **context: Any) -> str:
        """One partial under a name of its own; `context` is made of what JSON has, and nothing else is shown."""
        return self._made(name, _digest(context), lambda: partial(template, **context))

    def of_row(self, row: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Made]) -> Made:
        """What is made of a row with an id; as long as it carries the same mark, or has none and is equal, it is not made again."""
        return self._made(row["id"], row.get("mark") or _digest(row), lambda: make(row))

    def _made(self, name: str, mark: str | bytes, make: Callable[[], Made]) -> Made:
        known = self._before.get(name)
        made: Made = known[1] if known is not None and known[0] == mark else make()
        self._now[name] = mark, made
        return made

    def note(self, name: str, mark: str) -> None:
        """What is known of this state beside its rows."""
        self._now[name] = mark, None

    @property
    def marks(self) -> dict[str, str]:
        """The marks of this state, by id or name: a row that still carries its own need not be read again."""
        return {name: mark for name, (mark, _) in self._now.items() if isinstance(mark, str)}

    def turn(self) -> None:
        """The next state begins: what was not asked for in this one is forgotten."""
        self._before, self._now = self._now, {}


def _digest(context: Any) -> bytes:
    return marshal.dumps(context, 2)  # version 2 says the same of what is equal, and is smaller than the rows
