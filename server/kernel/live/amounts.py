"""The amount that arguments name, and whether it is an unusual one."""

import re
from collections.abc import Mapping
from typing import Any

_AMOUNTS = ("amount", "total", "price")
_UNUSUAL = 5  # times the usual amount, from which a card says so
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*", re.ASCII)
_LETTERS = re.compile("[A-Za-z]+")
_LONGEST_AMOUNT, _LONGEST_CURRENCY = 30, 8


def amount_of(found: Mapping[str, Any]) -> str | None:
    """The amount, total or price among the arguments, with its currency: {"amount": 184.2, "currency": "USD"} → 184.20 USD.

    None where it is not a plain number or where two names match, because a button must never name a wrong sum.
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


def unusual(found: Mapping[str, Any], usual: float | None) -> str | None:
    """12 times this supervisor's usual amount, where it is five times or more; what is usual says private.usual_amount."""
    values = [value for name in _AMOUNTS if (value := found.get(name)) is not None]
    if not usual or not values or isinstance(values[0], bool) or not isinstance(values[0], int | float):
        return None
    times = values[0] / usual
    return f"{times:,.0f} times this supervisor's usual amount" if times >= _UNUSUAL else None


def _number(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, float) and abs(value) < 1e15 and round(value, 2) == value:
        return f"{value:.2f}"
    text = str(value).strip()
    return text if len(text) <= _LONGEST_AMOUNT and _NUMBER.fullmatch(text) else None
