"""The first admin of an embedded home that other machines reach: made once, through the link that the start prints."""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import Conflict, Invalid, NotFound
from server.kernel import http
from server.kernel.auth import password_fault
from server.people.users import Draft

_PATH = "/first-admin"


class FirstAdmin:
    """The link of this start. It works until there is an admin who can sign in."""

    def __init__(
        self, exists: Callable[[], Awaitable[bool]], make: Callable[[Draft, str], Awaitable[object]]
    ) -> None:
        self._exists, self._make = exists, make
        self._token = secrets.token_urlsafe(32)
        self._turn = asyncio.Lock()  # when two forms are sent at once, only one makes the admin

    @property
    def path(self) -> str:
        """The path of the link."""
        return f"{_PATH}?token={self._token}"

    async def opens(self, token: str) -> bool:
        """Whether this is the link's token and there is still no admin."""
        return hmac.compare_digest(token.encode(), self._token.encode()) and not await self._exists()

    async def make(self, token: str, draft: Draft, password: str) -> bool:
        """Make the admin, unless the link has become invalid. Conflict and Invalid as in `floorwalker create-admin`."""
        async with self._turn:
            if not await self.opens(token):
                return False
            await self._make(draft, password)
        return True


async def show(request: Request) -> Response:
    """The form, for a request with the link's token. NotFound otherwise."""
    token = request.query_params.get("token", "")
    await _checked(request, token)
    return _form(request, token, Draft(kind="admin"))


async def create(request: Request) -> Response:
    """Make the admin: a page that confirms it, or 422 with the form and its errors."""
    fields = await http.form(request)
    token, password = fields.get("token", ""), fields.get("password", "")
    first = await _checked(request, token)
    draft = Draft(fields.get("email", "").strip(), fields.get("name", "").strip(), "admin")
    draft.check()
    if fault := password_fault(password):
        draft.faults["password"] = fault
    if draft.faults:
        return _form(request, token, draft, 422)
    try:
        if not await first.make(token, draft, password):
            raise NotFound("This link has been used: there is an admin.")
    except (Conflict, Invalid) as refusal:
        draft.faults["password" if "password" in refusal.detail.lower() else "email"] = refusal.detail
        return _form(request, token, draft, 422)
    return http.render(request, "people/first_admin.html", made=draft.email)


async def _checked(request: Request, token: str) -> FirstAdmin:
    first: FirstAdmin | None = request.state.first_admin
    if first is None or not await first.opens(token):
        raise NotFound("This link does not work: it was used, or the server has started again since.")
    return first


def _form(request: Request, token: str, draft: Draft, status: int = 200) -> Response:
    return http.render(request, "people/first_admin.html", status, token=token, draft=draft, made=None)


ROUTES = [Route(_PATH, show), Route(_PATH, create, methods=["POST"])]
