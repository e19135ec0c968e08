"""The arguments of a tool as rows of names and values, with their types told apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from server.kernel.http.filters import argument

_DEEPEST = 4  # levels; what is deeper is shown as JSON
_SHORT = 60  # characters of a list of plain values that is one row
_LONG = 160  # characters above which a text is folded


@dataclass(frozen=True, slots=True)
class ArgumentRow:
    """One name and its value. An object, and a list of more than plain values, has no text of its own: its rows follow."""

    path: tuple[str, ...]
    text: str
    kind: str  # text, number, boolean, nothing, object, or list of n
    folded: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path[-1]

    @property
    def depth(self) -> int:
        """0 for an argument itself."""
        return len(self.path) - 1


def argument_rows(found: Mapping[str, Any]) -> list[ArgumentRow]:
    """All arguments, in the order in which they were sent."""
    return [row for name, value in found.items() for row in _rows((name,), value)]


def _rows(path: tuple[str, ...], value: Any) -> Iterator[ArgumentRow]:
    inner: list[tuple[str, Any]] = []
    match value:
        case dict() if value and len(path) < _DEEPEST:
            inner = list(value.items())
            yield ArgumentRow(path, "", "object")
        case list() if value and len(path) < _DEEPEST and not _is_plain(value):
            inner = [(str(number), one) for number, one in enumerate(value, 1)]
            yield ArgumentRow(path, "", _kind(value))
        case list() if value and _is_plain(value):
            yield ArgumentRow(path, "; ".join(argument(one) for one in value), _kind(value))
        case _:
            text = argument(value)
            yield ArgumentRow(path, text, _kind(value), len(text) > _LONG or text.count("\n") > 3)
    for name, one in inner:
        yield from _rows((*path, name), one)


def _is_plain(value: list[Any]) -> bool:
    return (
        all(not isinstance(one, dict | list) for one in value)
        and sum(len(argument(one)) for one in value) <= _SHORT
    )


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return f"list of {len(value)}"
        case _:
            return "object"
