"""The fields of a form, and ids in addresses."""

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
