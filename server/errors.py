"""The errors of a request, and the words for JSON that a model refuses."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails


class RequestError(Exception):
    """Base class. `detail` is a sentence for the person or program that asked; `members` are more fields for a program."""

    status = 400
    title = "Bad request"

    def __init__(
        self, detail: str, retry_after: int | None = None, members: dict[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.members = members or {}

    @property
    def sentence(self) -> str:
        """The detail with a capital letter and a full stop, as a page shows it. The database writes neither."""
        text = f"{self.detail[:1].upper()}{self.detail[1:]}"
        return text if text.endswith((".", "?", "!")) else f"{text}."


class NotFound(RequestError):
    """Unknown, or another person's. Both look the same, so that a caller cannot find out what exists."""

    status, title = 404, "Not found"


class Forbidden(RequestError):
    """Known, but not allowed for this role."""

    status, title = 403, "Forbidden"


class Conflict(RequestError):
    """Not possible in the present state."""

    status, title = 409, "Conflict"


class Invalid(RequestError):
    """The request has a value that cannot be used."""

    status, title = 422, "Invalid"


class UnsupportedMediaType(RequestError):
    """The request uses another character set than UTF-8."""

    status, title = 415, "Unsupported media type"


class Unauthorized(RequestError):
    """No valid session or key."""

    status, title = 401, "Unauthorized"


class TooMany(RequestError):
    """Too many requests; try again after `retry_after` seconds."""

    status, title = 429, "Too many requests"


class Unavailable(RequestError):
    """The database or Auth does not answer. It is not a Conflict: the same request may be sent again."""

    status, title = 503, "Unavailable"


# For JSON that a model refuses: the words for what is expected at a place.

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_NAME = 60
_MOMENT = 'expected a moment with its offset from UTC, such as "2026-11-28T09:30:00Z"'
_EXPECTED = {
    "string_type": "text",
    "string_unicode": "text in UTF-8",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number with fewer digits",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number that is neither NaN nor infinite",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "mapping_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dataclass_type": "an object",
    "none_required": "null",
    "uuid_type": "a UUID",
    "uuid_parsing": "a UUID",
}
_BOUNDS = {
    "greater_than": ("gt", "a number greater than {}"),
    "greater_than_equal": ("ge", "{} or more"),
    "less_than": ("lt", "a number less than {}"),
    "less_than_equal": ("le", "{} or less"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its path from the top of the JSON ("" is the top itself) and a sentence."""

    path: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}: {self.sentence}" if self.path else self.sentence


def faults(error: ValidationError, within: Sequence[str | int] = ()) -> list[Fault]:
    """All faults, one sentence per place. `within` is the path of the value in the request."""
    found: dict[str, Fault] = {}
    for one in error.errors(include_url=False):
        place = path([*within, *one["loc"]])
        found.setdefault(place, Fault(place, _sentence(one)))
    return list(found.values())


def path(parts: Sequence[str | int]) -> str:
    """`[3].captured_at`, `tags.topics[2]`; an unusual name is quoted in brackets."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif len(part) <= _LONGEST_NAME and _NAME.fullmatch(part):
            text += f".{part}" if text else part
        else:
            shown = part if len(part) <= _LONGEST_NAME else f"{part[:_LONGEST_NAME]}…"
            text += f"[{json.dumps(shown)}]"
    return text


def _sentence(error: ErrorDetails) -> str:
    kind, given, said = error["type"], error["input"], error.get("ctx", {})
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}{_but(kind, given)}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"expected {words.format(_number(said[name]))}"
    if kind.startswith("datetime") or kind == "timezone_aware":
        return _MOMENT
    match kind:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not a field here: leave it out"
        case "value_error" | "assertion_error":
            return str(said["error"])
        case "literal_error":
            return f"expected {said['expected'].replace(chr(39), chr(34))}{_but(kind, given)}"
        case "too_short" | "string_too_short":
            return f"expected {_count(said['min_length'], given)} or more"
        case "too_long" | "string_too_long":
            return f"expected {_count(said['max_length'], given)} at most, and there are {len(given)}"
        case "json_invalid":
            reason = said["error"].replace("EOF while parsing", "it ends within")
            reason = reason.replace("recursion limit exceeded", "it is nested too deeply")
            return f"the body is not JSON that can be read: {reason}"
    return "has a value that cannot be used here"


def _but(kind: str, given: Any) -> str:
    """The kind of value that was sent, where it differs from the expected kind."""
    match given:
        case None:
            return ", not null"
        case bool() if not kind.startswith("bool"):
            return ", not true or false"
        case float() if kind.startswith("int"):
            return ", not one with a fraction"
        case int() | float() if not kind.startswith(("int", "float", "finite")):
            return ", not a number"
        case str() if not kind.startswith(("string", "literal", "uuid")):
            return ", not text"
        case list():
            return ", not a list"
        case dict():
            return ", not an object"
    return ""


def _count(number: int, given: Any) -> str:
    what = "character" if isinstance(given, str) else "item"
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
