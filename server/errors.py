"""The four words for what can go wrong with a request; one place (`app.py`) turns them into answers."""


class RequestError(Exception):
    """Base of the four; `detail` is a sentence for the person or program that asked."""

    status = 400
    title = "Bad request"

    def __init__(self, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class NotFound(RequestError):
    status, title = 404, "Not found"


class Forbidden(RequestError):
    status, title = 403, "Forbidden"


class Conflict(RequestError):
    status, title = 409, "Conflict"


class Invalid(RequestError):
    status, title = 422, "Invalid"
