"""Single values of a row of the file. Invalid, with the column's name, for what cannot be used."""

import datetime as dt
import json
from typing import Any
from uuid import UUID, uuid5

from server.cli.sdr.file import Row
from server.errors import Invalid

_NAMESPACE = UUID(
    "5b1f6d0a-93c4-4f0e-8a57-2f8f0a6f7c11"
)  # never changes: a second import finds the rows of the first
_EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_AHEAD = dt.timedelta(days=1)  # a clock without a zone may be ahead of UTC
_FLAGS = {"0": False, "1": True, "false": False, "true": True}
_SHOWN = 100  # characters of a text in a report


def text(row: Row, column: str) -> str | None:
    """None for null. Numbers become text."""
    value = row[column]
    if value is None:
        return None
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise Invalid(f"{column} is not UTF-8 text") from None
    return storable(str(value), column)


def storable(value: str, column: str) -> str:
    """The text itself. PostgreSQL stores neither NUL nor half of a surrogate pair, which JSON can contain."""
    if "\0" in value:
        raise Invalid(f"{column} has a NUL character")
    if any("\ud800" <= one <= "\udfff" for one in value):
        raise Invalid(f"{column} has half of a surrogate pair")
    return value


def required(row: Row, column: str) -> str:
    value = text(row, column)
    if value is None:
        raise Invalid(f"{column} is missing")
    return value


def flag(row: Row, column: str, *, default: bool) -> bool:
    value = text(row, column)
    if value is None:
        return default
    if value.lower() not in _FLAGS:
        raise Invalid(f"{column} is {shown(value)}, and not 0 or 1")
    return _FLAGS[value.lower()]


def number(row: Row, column: str, *, default: float) -> float:
    value = text(row, column)
    try:
        return default if value is None else float(value)
    except ValueError:
        raise Invalid(f"{column} is {shown(value or '')}, and no number") from None


def moment(row: Row, column: str) -> dt.datetime | None:
    """A time without a zone is UTC, as ai-sdr writes it."""
    value = text(row, column)
    if value is None:
        return None
    try:
        found = dt.datetime.fromisoformat(value.strip())
        found = found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{column} is {shown(value)}, and no date with a time") from None
    if not _EARLIEST <= found <= dt.datetime.now(dt.UTC) + _AHEAD:
        raise Invalid(f"{column} is {shown(value)}, and not between 1970 and today")
    return found


def identifier(row: Row, column: str) -> UUID:
    """A UUID as it is; for any other text always the same one."""
    given = required(row, column)
    if not given:
        raise Invalid(f"{column} is empty")
    try:
        return UUID(given)
    except ValueError:
        return uuid5(_NAMESPACE, f"{column} {given}")


def label(row: Row, column: str) -> str:
    """What the report calls a row."""
    value: Any = row[column]
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return "without an id" if value in (None, "") else shown(str(value))


def shown(value: str) -> str:
    """A text on one line, short, and without what could move a terminal's cursor."""
    short = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
    return short if short.isprintable() and short.strip() == short and short else json.dumps(short)
