"""Making a person: one sequence for the page, the first admin and `floorwalker create-admin`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from uuid import UUID

from server.errors import Conflict, RequestError
from server.people.users import Draft

Check = Callable[[UUID], Awaitable[None]]


class Logins(Protocol):
    """What is asked of the Auth server."""

    async def change(self, person: UUID, app_metadata: Mapping[str, str], name: str) -> None:
        """Give a login its rights."""

    async def delete(self, person: UUID) -> None:
        """Take a login back."""


async def make(
    logins: Logins, draft: Draft, login: Awaitable[UUID], *, became: Check, is_here: Check | None = None
) -> UUID:
    """Make a login that has no rights, see that it is here, give it the rights, and see the person; or take it back.

    In this order, since a login whose rights made somebody of it cannot be deleted any more, wherever that is. Whatever
    `login` or a check raises is passed on; Conflict when the login could not be taken back.
    """
    person = await login
    try:
        if is_here is not None:
            await is_here(person)
        await logins.change(person, draft.app_metadata, draft.name)
        await became(person)
    except BaseException:
        await _take_back(logins, draft.email, person)
        raise
    return person


async def _take_back(logins: Logins, address: str, person: UUID) -> None:
    try:
        await logins.delete(person)
    except RequestError as error:
        raise Conflict(
            f"{address} has a login now, perhaps without rights, and it could not be deleted again: do that in the "
            "project's dashboard, Authentication → Users, and try again"
        ) from error
