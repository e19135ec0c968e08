"""What a form sends, and ids in addresses."""

from uuid import UUID

from starlette.requests import Request

from server.errors import NotFound
from server.kernel.http import forms


async def form(request: Request) -> dict[str, str]:
    """The text fields of a form. Invalid when it is no form, UnsupportedMediaType when it is not UTF-8."""
    return await forms.fields(request)


def identifier(text: str, what: str) -> UUID:
    """The id in an address or a form. NotFound for what is none: there is no such thing."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no such {what}.") from None
