"""Cards of tool permissions: what they show of a row, and the queue of them on a live page."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from server.plain_text import odd_names, spelled
from server.regions import Parts
from server.web import Partials, argument, arguments, partial

_CARD, _QUEUE = "permissions/_tool_permission.html", "permissions/_tool_permissions.html"
_ROWS, _TEXT, _VALUE = (
    40,
    2000,
    800,
)  # of a card's arguments: rows, characters in all, characters of one value
# What a person decides on: where one of these changes, it is another request.
_ASKED = (
    "tool_name",
    "tool_description",
    "owner_description",
    "known_tool",
    "undo_seconds",
    "arguments_digest",
    "agent_id",
)
_AMOUNTS = ("amount", "total", "price")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*", re.ASCII)
_LETTERS = re.compile("[A-Za-z]+")
_LONGEST_AMOUNT, _LONGEST_CURRENCY = 30, 8


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as its card shows it: arguments by name, `amount`, `name` (tool, amount and agent) and `request`.

    `request` is another one when what is asked for is another: tool, description, arguments or agent.
    """
    found = arguments(
        row["arguments"]
    )  # they come as text, since only that keeps the order in which they were sent
    amount = amount_of(found)
    tool = spelled(row["tool_name"])
    what = f"{tool} {amount}" if amount else tool
    card = {**row, "arguments": found, "amount": amount, "name": f"{what}, {row['agent_name']}"}
    if row["status"] == "pending":
        asked = [str(row[name]) for name in _ASKED]
        card["odd_names"] = odd_names(found)
        card["listed"], card["whole"] = _listed(found)
        card["request"] = hashlib.sha256("\0".join(asked).encode()).hexdigest()[:16]
    return card


def _listed(found: Mapping[str, Any]) -> tuple[list[tuple[str, str]], bool]:
    """Names and values as a card lists them, and whether that is all: a page has sixty cards, whatever agents send."""
    listed: list[tuple[str, str]] = []
    left = _TEXT
    for name, value in found.items():
        text = argument(value)
        room = min(left - len(name), _VALUE)
        if len(listed) == _ROWS or room <= 0:
            return listed, False
        listed.append((name, text[:room]))
        left -= len(name) + len(text[:room])
        if len(text) > room:
            return listed, False
    return listed, True


def card(row: Mapping[str, Any]) -> str:
    """The card of a row, as a reply shows it."""
    return partial(_CARD, p=shown(row))


def queue(rows: Mapping[str, Any], partials: Partials, *, over: bool = False) -> Parts:
    """The region of a live page with what waits (`tool_permissions`, and how many `more`) and what was `answered`.

    `over`: nothing can be asked any more, and so an empty queue is hidden.
    """
    pending, more = rows["tool_permissions"], rows.get("more", 0)
    cards = {
        f"tool-permission-{row['id']}": partials.of_row(row, card) for row in (*pending, *rows["answered"])
    }
    return Parts(
        cards,
        lambda: partial(_QUEUE, cards=cards.values(), quiet=not pending, over=over and not cards, more=more),
        beside=(not pending, over and not cards, more),
    )


def amount_of(found: Mapping[str, Any]) -> str | None:
    """The amount, total or price among arguments, with its currency: {"amount": 184.2, "currency": "USD"} → 184.20 USD.

    None where it is no plain number, or where two names could be meant: a button never names another sum.
    """
    named: dict[str, list[Any]] = {}
    for name, value in found.items():
        named.setdefault(name.lower(), []).append(value)
    values = next((named[name] for name in _AMOUNTS if name in named), [])
    number = _number(values[0]) if len(values) == 1 else None
    currency = [str(value) for value in named.get("currency", [])]
    if (
        number
        and len(currency) == 1
        and len(currency[0]) <= _LONGEST_CURRENCY
        and _LETTERS.fullmatch(currency[0])
    ):
        return f"{number} {currency[0]}"
    return number


def _number(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, float) and abs(value) < 1e15 and round(value, 2) == value:
        return f"{value:.2f}"
    text = str(value).strip()
    return text if len(text) <= _LONGEST_AMOUNT and _NUMBER.fullmatch(text) else None
