"""A person is made completely or not at all: when a step fails, what was made before is deleted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest

from server.embedded.keys import Keys
from server.errors import Conflict, Forbidden, Unavailable
from server.kernel.auth import Administration
from server.people.making import Check, make
from server.people.users import Draft
from server.settings import AUTH_PATH
from tests.app_server import DEADLINE, PASSWORD, AppServer
from tests.faulty_auth import faulty_auth

HOWS = ("invite", "password")


@asynccontextmanager
async def logins(app_server: AppServer, refused: set[str]) -> AsyncIterator[Administration]:
    """The Auth server, which refuses these methods."""
    with faulty_auth(app_server.url, refused=frozenset(refused)) as url:
        async with httpx.AsyncClient(timeout=DEADLINE) as client:
            yield Administration(
                client, url=url + AUTH_PATH, secret=Keys.load_or_create(app_server.home).secret
            )


async def passed(_person: UUID) -> None:
    """Nothing is wrong with it."""


async def failed(_person: UUID) -> None:
    raise Forbidden("this check failed")


async def attempt(
    app_server: AppServer, name: str, *, refused: set[str], became: Check = passed, is_here: Check = passed
) -> None:
    draft = Draft(f"{name}@example.org", "New", "chat", name)
    async with logins(app_server, refused) as administration:
        login = administration.create(draft.email, {}, draft.name, PASSWORD)
        await make(administration, draft, login, became=became, is_here=is_here)


def form(how: str, name: str) -> dict[str, str]:
    return {
        "kind": "chat",
        "email": f"{name}@example.org",
        "name": "New",
        "username": name,
        "how": how,
        "password": PASSWORD,
    }


async def traces(app_server: AppServer, name: str) -> tuple[int, int]:
    """Logins and people of this name."""
    async with app_server.database() as owner:
        row = await owner.fetchrow(
            """select (select count(*) from auth.users where email = $1) as logins,
            (select count(*) from public.users where email = $1) as people""",
            f"{name}@example.org",
        )
    assert row is not None
    return row["logins"], row["people"]


async def test_when_nothing_fails_a_person_is_there(app_server: AppServer) -> None:
    await attempt(app_server, "whole", refused=set())
    assert await traces(app_server, "whole") == (1, 1)


async def test_a_login_that_is_not_here_is_taken_back(app_server: AppServer) -> None:
    with pytest.raises(Forbidden):
        await attempt(app_server, "elsewhere", refused=set(), is_here=failed)
    assert await traces(app_server, "elsewhere") == (0, 0)


async def test_a_login_that_gets_no_rights_is_taken_back(app_server: AppServer) -> None:
    with pytest.raises(Unavailable):
        await attempt(app_server, "rightless", refused={"PUT"})
    assert await traces(app_server, "rightless") == (0, 0)


async def test_what_cannot_be_taken_back_is_said(app_server: AppServer) -> None:
    with pytest.raises(Conflict, match="could not be deleted again"):
        await attempt(app_server, "left", refused={"PUT", "DELETE"})
    assert await traces(app_server, "left") == (1, 0)


async def test_a_person_who_is_there_already_is_not_taken_back_and_that_is_said(
    app_server: AppServer,
) -> None:
    with pytest.raises(Conflict, match="could not be deleted again"):
        await attempt(app_server, "there", refused=set(), became=failed)
    assert await traces(app_server, "there") == (1, 1)


@pytest.mark.parametrize("how", HOWS)
async def test_a_login_that_becomes_nobody_is_taken_back(app_server: AppServer, how: str) -> None:
    """As when the trigger is off: the login has its rights, but no person follows."""
    name, switch = f"nobody-{how}", "alter table auth.users {} trigger floorwalker_20_profile_update"
    admin = await app_server.hire("admin")
    async with app_server.browser_of(admin) as browser, app_server.database("supabase_auth_admin") as auth:
        await auth.execute(switch.format("disable"))
        try:
            answer = await browser.post("/people", data=form(how, name))
        finally:
            await auth.execute(switch.format("enable"))
    assert answer.status_code == 409
    assert "could not become a person here" in answer.text
    assert await traces(app_server, name) == (0, 0)
