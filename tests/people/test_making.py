"""A person is made whole or not at all: after each step that fails, what was made before it is taken back."""

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
from tests.crooked import crooked
from tests.site import PASSWORD, PATIENCE, Site

HOWS = ("invite", "password")


@asynccontextmanager
async def logins(site: Site, refused: set[str]) -> AsyncIterator[Administration]:
    """The Auth server, which refuses these methods."""
    with crooked(site.url, refused=frozenset(refused)) as url:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            yield Administration(client, url=url + AUTH_PATH, secret=Keys.load_or_create(site.home).secret)


async def passed(_person: UUID) -> None:
    """Nothing is wrong with it."""


async def failed(_person: UUID) -> None:
    raise Forbidden("this check failed")


async def attempt(
    site: Site, name: str, *, refused: set[str], became: Check = passed, is_here: Check = passed
) -> None:
    draft = Draft(f"{name}@example.org", "New", "chat", name)
    async with logins(site, refused) as administration:
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


async def traces(site: Site, name: str) -> tuple[int, int]:
    """Logins and people of this name."""
    async with site.database() as owner:
        row = await owner.fetchrow(
            """select (select count(*) from auth.users where email = $1) as logins,
            (select count(*) from public.users where email = $1) as people""",
            f"{name}@example.org",
        )
    assert row is not None
    return row["logins"], row["people"]


async def test_when_nothing_fails_a_person_is_there(site: Site) -> None:
    await attempt(site, "whole", refused=set())
    assert await traces(site, "whole") == (1, 1)


async def test_a_login_that_is_not_here_is_taken_back(site: Site) -> None:
    with pytest.raises(Forbidden):
        await attempt(site, "elsewhere", refused=set(), is_here=failed)
    assert await traces(site, "elsewhere") == (0, 0)


async def test_a_login_that_gets_no_rights_is_taken_back(site: Site) -> None:
    with pytest.raises(Unavailable):
        await attempt(site, "rightless", refused={"PUT"})
    assert await traces(site, "rightless") == (0, 0)


async def test_what_cannot_be_taken_back_is_said(site: Site) -> None:
    with pytest.raises(Conflict, match="could not be deleted again"):
        await attempt(site, "left", refused={"PUT", "DELETE"})
    assert await traces(site, "left") == (1, 0)


async def test_a_person_who_is_there_already_is_not_taken_back_and_that_is_said(site: Site) -> None:
    with pytest.raises(Conflict, match="could not be deleted again"):
        await attempt(site, "there", refused=set(), became=failed)
    assert await traces(site, "there") == (1, 1)


@pytest.mark.parametrize("how", HOWS)
async def test_a_login_that_becomes_nobody_is_taken_back(site: Site, how: str) -> None:
    """As when its trigger is off: it has its rights, and no person comes of it."""
    name, switch = f"nobody-{how}", "alter table auth.users {} trigger floorwalker_20_profile_update"
    admin = await site.hire("admin")
    async with site.browser_of(admin) as browser, site.database("supabase_auth_admin") as auth:
        await auth.execute(switch.format("disable"))
        try:
            answer = await browser.post("/people", data=form(how, name))
        finally:
            await auth.execute(switch.format("enable"))
    assert answer.status_code == 409
    assert "could not become a person here" in answer.text
    assert await traces(site, name) == (0, 0)
