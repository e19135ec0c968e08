"""The arguments of a tool as rows of names and values, with their types told apart and what differs from an earlier request."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from server.kernel.http.filters import argument
from server.kernel.http.plain_text import cut, html_size, odd_names

_DEEPEST = 4  # levels; what is deeper is shown as JSON
_SHORT = 60  # characters of a list of plain values that is one row
_LONG = 160  # characters above which a text is folded
_WAS = 160  # bytes of HTML of an earlier value beside the new one
_ROW, _FOLDED, _NOTE = 75, 240, 40  # bytes of HTML around a name and its value, a folded value, and a note
_NAMED = ("email", "id", "address", "date", "order", "number")


@dataclass(frozen=True, slots=True)
class ArgumentRow:
    """One name and its value. An object, and a list of more than plain values, has no text of its own: its rows follow."""

    path: tuple[str, ...]
    text: str
    kind: str  # text, number, boolean, nothing, object, or list of n
    folded: bool = False
    change: str = ""  # changed, new or gone, compared with an earlier request
    was: str = ""  # the earlier value of one that is changed or gone
    odd: str = ""  # why the name could be mistaken for another

    @property
    def name(self) -> str:
        """The last part of the path; of one that is gone all of it, because the rows around it may be gone as well."""
        return ".".join(self.path) if self.change == "gone" else self.path[-1]

    @property
    def depth(self) -> int:
        """0 for an argument itself."""
        return 0 if self.change == "gone" else len(self.path) - 1

    @property
    def is_leaf(self) -> bool:
        """Whether the row has a value of its own."""
        return bool(self.text) or self.kind in ("text", "nothing")

    @property
    def size(self) -> int:
        """At most so many bytes of HTML."""
        value = html_size(self.text)
        around = _FOLDED + html_size(self.text[:120]) if self.folded else _ROW
        notes = sum(_NOTE + html_size(note) for note in (self.was, self.odd, self.change) if note)
        return around + html_size(self.name) + value + notes


def argument_rows(found: Mapping[str, Any], last: Mapping[str, Any] | None = None) -> list[ArgumentRow]:
    """All arguments in the order in which they were sent; with `last`, what differs from these, and then what is gone."""
    rows = [*_inner((), found)]
    return rows if last is None else _compared(rows, [*_inner((), last)])


def first_arguments(found: Mapping[str, Any], most: int) -> list[ArgumentRow]:
    """So many of these rows at most, for a line; nothing is said of their names."""
    rows = (row for name, value in found.items() for row in _rows((name,), value))
    return [*islice(rows, most)]


def _compared(rows: list[ArgumentRow], last: list[ArgumentRow]) -> list[ArgumentRow]:
    """A changed value is never folded, because a person decides about it."""
    before, there = {row.path: row for row in last}, {row.path for row in rows}
    found = []
    for row in rows:
        was = before.get(row.path)
        if was is None:
            found.append(replace(row, change="new", folded=False) if row.is_leaf else row)
        elif (was.text, was.kind) == (row.text, row.kind):
            found.append(row)
        else:
            kind = f" ({was.kind})" if was.kind not in (row.kind, "nothing") and was.text else ""
            found.append(replace(row, change="changed", was=_said(was) + kind, folded=False))
    gone = [row for row in last if row.is_leaf and row.path not in there]
    return found + [replace(row, change="gone", was=_said(row), folded=False) for row in gone]


def _said(row: ArgumentRow) -> str:
    """An earlier value in words; of an object or a list its kind."""
    return cut(row.text or ("empty" if row.kind == "text" else row.kind), _WAS)


def fitting(rows: list[ArgumentRow], most: int, size: int) -> list[ArgumentRow]:
    """The first of these rows that are at most so many and at most so many bytes of HTML; what differs comes before all else.

    The order is kept. Where not all fit, the caller says so.
    """
    left = size
    taken: set[int] = set()
    for place, row in sorted(enumerate(rows), key=lambda one: (not one[1].change, one[0])):
        if len(taken) == most or row.size > left:
            break
        taken.add(place)
        left -= row.size
    return [row for place, row in enumerate(rows) if place in taken]


def key_row(rows: list[ArgumentRow]) -> ArgumentRow | None:
    """The argument that tells one request from another best, for a line: an e-mail, an id, an address or a date, else the first text."""
    leaves = [
        row
        for row in rows
        if row.is_leaf and row.change != "gone" and row.text and row.kind in ("text", "number")
    ]
    for word in _NAMED:
        for row in leaves:
            if word in row.path[-1].lower() or (word == "email" and "@" in row.text):
                return row
    short = [row for row in leaves if row.kind == "text" and len(row.text) <= _SHORT]
    return next(iter(short or leaves), None)


def _inner(path: tuple[str, ...], value: Mapping[str, Any]) -> Iterator[ArgumentRow]:
    """The rows of what an object holds; names that could be mistaken for another of it say so."""
    odd = odd_names(value)
    for name, one in value.items():
        first, *rest = _rows((*path, name), one)
        yield replace(first, odd=odd[name]) if name in odd else first
        yield from rest


def _rows(path: tuple[str, ...], value: Any) -> Iterator[ArgumentRow]:
    match value:
        case dict() if value and len(path) < _DEEPEST:
            yield ArgumentRow(path, "", "object")
            yield from _inner(path, value)
        case list() if value and _is_plain(value):
            yield ArgumentRow(path, "; ".join(map(_item, value)), _kind(value))
        case list() if value and len(path) < _DEEPEST:
            yield ArgumentRow(path, "", _kind(value))
            for number, one in enumerate(value, 1):
                yield from _rows((*path, str(number)), one)
        case _:
            text = argument(value)
            yield ArgumentRow(path, text, _kind(value), len(text) > _LONG or text.count("\n") > 3)


def _is_plain(value: list[Any]) -> bool:
    return (
        all(not isinstance(one, dict | list) for one in value)
        and sum(len(argument(one)) for one in value) <= _SHORT
    )


def _item(value: Any) -> str:
    """An item of a list; a text that reads like another type, such as "42", with its quotes."""
    text = argument(value)
    if not isinstance(value, str):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text if text and "; " not in text else json.dumps(text, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False)


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
