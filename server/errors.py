"""The words for what can go wrong with a request; one place (`app.py`) turns them into answers."""

from typing import Any


class RequestError(Exception):
    """Base of the words; `detail` is a sentence for the person or program that asked, `members` more for the program."""

    status = 400
    title = "Bad request"

    def __init__(
        self, detail: str, retry_after: int | None = None, members: dict[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.members = members or {}


class NotFound(RequestError):
    """Unknown, or another's: the two look the same from outside."""

    status, title = 404, "Not found"


class Forbidden(RequestError):
    """Known, but not for this role."""

    status, title = 403, "Forbidden"


class Conflict(RequestError):
    """Not in this state, or not any more."""

    status, title = 409, "Conflict"


class Invalid(RequestError):
    """What was sent cannot be used."""

    status, title = 422, "Invalid"


class UnsupportedMediaType(RequestError):
    """What was sent has a character set that is not read here."""

    status, title = 415, "Unsupported media type"


class Unauthorized(RequestError):
    """Nobody we know: no session, no key."""

    status, title = 401, "Unauthorized"


class TooMany(RequestError):
    """Slow down; `retry_after` seconds."""

    status, title = 429, "Too many requests"


class Unavailable(RequestError):
    """Not our caller's fault: the database or Auth does not answer; the same request may be sent again."""

    status, title = 503, "Unavailable"
