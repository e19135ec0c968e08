"""Makes a person: the sequence that the people page, the first admin's page and `floorwalker create-admin` share."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from uuid import UUID

from server.errors import Conflict, RequestError
from server.people.users import Draft

Check = Callable[[UUID], Awaitable[None]]


class Logins(Protocol):
    """The operations on the Auth server that the sequence needs."""

    async def change(self, person: UUID, app_metadata: Mapping[str, str], name: str) -> None:
        """Give a login its rights."""

    async def delete(self, person: UUID) -> None:
        """Delete a login."""


async def make(
    logins: Logins, draft: Draft, login: Awaitable[UUID], *, became: Check, is_here: Check | None = None
) -> UUID:
    """Make a login without rights, check it, give it its rights, and check the person; delete the login if a step fails.

    In this order, because a login with rights becomes a person and can no longer be deleted. Errors of `login` and of the checks
    are raised again; Conflict when the login could not be deleted.
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
            f"{address} has a login now, perhaps without rights, and it could not be deleted again: delete it in the "
            "project's dashboard, Authentication → Users, and try again"
        ) from error
