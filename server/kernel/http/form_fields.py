"""The fields of a form, and ids in addresses."""

import datetime as dt
from uuid import UUID

from starlette.requests import Request

from server.errors import NotFound
from server.kernel.http import forms


async def form(request: Request) -> dict[str, str]:
    """The text fields of a form. Invalid when the body is not a form, UnsupportedMediaType when it is not UTF-8."""
    return await forms.fields(request)


def is_id(text: str) -> bool:
    """Whether the text is a UUID."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def identifier(text: str, what: str) -> UUID:
    """The id in an address or a form. NotFound when it is not an id."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no such {what}.") from None


def whole_number(text: str, digits: int) -> int | None:
    """The number that a person typed or an address has, of at most so many digits; None for what is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= digits else None


def time_of_day(text: str) -> dt.time | None:
    """A time such as 22:00 as a form sends it; None for what is none."""
    try:
        found = dt.time.fromisoformat(text.strip())
    except ValueError:
        return None
    return None if found.tzinfo else found.replace(second=0, microsecond=0)
