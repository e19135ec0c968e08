"""JSON that every reader understands in the same way; anything else is refused with its place.

Of two values under one key most readers keep the last and some the first; a number that a 64-bit float cannot hold
changes in most of them; half a surrogate pair is not text. What a person allows could then differ from what runs. JSON that
passes has one digest (RFC 8785), which every language can compute from it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from json.decoder import JSONDecodeError, JSONDecoder
from math import isinf
from typing import Any

import rfc8785

from server.errors import Fault, Invalid, path

_SAFE = 15  # digits that a 64-bit float always keeps
_LONGEST = 400  # characters of a number; a float never needs more
_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # may be half of a surrogate pair
_NO_CHARACTER = "a text has half of a surrogate pair (\\ud800 to \\udfff), which is no character"
_LONGEST_PATH = 200  # characters
_BLANK = re.compile(r"[ \t\n\r]*")


def check(raw: bytes) -> None:
    """Raise Invalid for JSON that readers understand differently, and for text that is not JSON."""
    try:
        text = raw.decode()
        value = _DECODER.decode(text)
    except Invalid as error:
        raise _placed(text, error) from None
    except UnicodeDecodeError as error:
        raise Invalid(f"the body is not JSON that can be read: byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise Invalid("the body is not JSON that can be read: it is nested too deeply") from None
    except JSONDecodeError as error:
        where = f"at line {error.lineno} column {error.colno}"
        raise Invalid(f"the body is not JSON that can be read: {error.msg} {where}") from None
    if _HALF.search(text) and (found := _first_fault(value)):
        raise Invalid(found)


def json_digest(value: Any) -> str:
    """SHA-256 over RFC 8785, in hexadecimal, of a value that was checked."""
    # As floats, which changes none of the checked numbers, because rfc8785 refuses integers from 2^53 on even where they are exact.
    text = rfc8785.dumps(json.loads(json.dumps(value), parse_int=float))
    return hashlib.sha256(text).hexdigest()


def size_of(raw: bytes, name: str) -> int:
    """The bytes of the value with this name in a checked object, as sent; 0 without one."""
    text = raw.decode()
    place = _after_blank(text, 0) + 1
    while text[place := _after_blank(text, place)] != "}":
        key, place = _DECODER.raw_decode(text, place)
        begin = _after_blank(text, _after_blank(text, place) + 1)  # after the colon
        _, place = _DECODER.raw_decode(text, begin)
        if key == name:
            return len(text[begin:place].encode())
        place = _after_blank(text, place)
        place += text[place] == ","
    return 0


def _after_blank(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place


@dataclass(frozen=True, slots=True)
class _Mark:
    """Replaces a value that readers understand differently."""

    words: str


def _placed(text: str, error: Invalid) -> Invalid:
    """The same refusal with the place of the value; the text is read again for it."""
    try:
        return Invalid(_first_fault(_MARKING.decode(text)) or error.detail)
    except (ValueError, RecursionError):  # after the fault it is not JSON
        return error


def _first_fault(value: Any) -> str | None:
    """The place of the first fault, such as arguments.items[0].price, and what is wrong there."""
    left: list[tuple[Any, tuple[Any, str | int] | None]] = [(value, None)]
    while left:
        one, place = left.pop()
        inner: list[tuple[str | int, Any]] = []
        words = one.words if isinstance(one, _Mark) else None
        if isinstance(one, dict):
            inner = list(one.items())
            words = _NO_CHARACTER if any(map(_is_cut, one)) else None
        elif isinstance(one, list):
            inner = list(enumerate(one))
        elif isinstance(one, str) and _is_cut(one):
            words = _NO_CHARACTER
        if words:
            return str(Fault(_path(place), words))
        left += [(item, (place, name)) for name, item in reversed(inner)]
    return None


def _path(place: tuple[Any, str | int] | None) -> str:
    parts: list[str | int] = []
    while place:
        place, part = place
        parts.append(part)
    found = path(parts[::-1])
    return found if len(found) <= _LONGEST_PATH else f"{found[:_LONGEST_PATH]}…"


def _is_cut(text: str) -> bool:
    """Whether a text has half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Invalid(f"the key {_shown(key)} appears twice in one object: send it once")
            seen.add(key)
    return found


def _integer(text: str) -> int | float:
    if len(text) <= _SAFE:
        return int(text)
    if len(text) <= _LONGEST:
        whole = int(text)
        try:
            if float(whole) == whole:
                return whole
        except OverflowError:
            pass
    raise _changed(text)


def _decimal(text: str) -> float:
    number = float(text)
    if len(text) <= _SAFE and "e" not in text and "E" not in text:
        return number
    if len(text) > _LONGEST or isinf(number):
        raise _changed(text)
    if number == 0:  # it is zero, or was too small for a float
        if text.lower().partition("e")[0].strip("-0."):
            raise _changed(text)
    elif Decimal(text) != Decimal(repr(number)):
        raise _changed(text)
    return number


def _constant(text: str) -> float:
    raise Invalid(f"{text} is no number of JSON: send null, or text")


def _changed(text: str) -> Invalid:
    return Invalid(
        f"the number {_shown(text, '')} does not fit into a 64-bit float unchanged: send it as text"
    )


def _shown(text: str, quote: str = '"') -> str:
    """The beginning of a text that may be long."""
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    return quote + shown.encode(errors="backslashreplace").decode() + quote


def _marking(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def marked(sent: Any) -> Any:
        try:
            return read(sent)
        except Invalid as error:
            return _Mark(error.detail)

    return marked


_DECODER = JSONDecoder(
    object_pairs_hook=_once, parse_int=_integer, parse_float=_decimal, parse_constant=_constant
)
_MARKING = JSONDecoder(
    object_pairs_hook=_marking(_once),
    parse_int=_marking(_integer),
    parse_float=_marking(_decimal),
    parse_constant=_marking(_constant),
)
