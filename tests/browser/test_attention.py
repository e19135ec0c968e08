"""First seen is what a person had before their eyes: open, in the window, in a visible tab, for 300 ms."""

from typing import Any
from uuid import UUID

import pytest

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn
from tests.browser.test_queue import ask_all, card_of, opened
from tests.conftest import until

pytestmark = pytest.mark.browser


async def seen(app_server: AppServer, person: Person) -> set[str]:
    async with app_server.database() as owner:
        rows = await owner.fetch(
            "select tool_permission_id from permission_sights where viewer_id = $1", person.id
        )
    return {str(row["tool_permission_id"]) for row in rows}


async def test_only_the_open_request_in_sight_is_reported(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice", agents=3)
    page = await sign_in(person)
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.url.endswith("/seen") else None)
    # A tall page: the queue is below the edge of the window.
    await page.evaluate("document.querySelector('.page-head').style.paddingBottom = '3000px'")
    asked = await ask_all(app_server, person)
    await page.wait_for_timeout(900)
    assert await seen(app_server, person) == set()
    await page.evaluate("document.querySelector('.page-head').style.paddingBottom = ''")
    await page.evaluate("scrollTo(0, 0)")

    async def are(*wanted: Any) -> bool:
        return await seen(app_server, person) == {one["id"] for one in wanted}

    await until(lambda: are(asked[0]))
    await page.wait_for_timeout(700)
    assert await are(asked[0])  # the lines are not open
    await opened(page, asked[1])
    await until(lambda: are(asked[0], asked[1]))
    await page.wait_for_timeout(1200)
    assert len(sent) == 2, "each request is reported once"


@pytest.mark.full
async def test_a_hidden_tab_sees_nothing(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice", agents=1)
    page = await sign_in(person)
    hide = """hidden => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    await page.evaluate(hide, True)
    [asked] = await ask_all(app_server, person, 1)
    await card_of(page, asked).wait_for(state="attached")
    await page.wait_for_timeout(900)
    assert await seen(app_server, person) == set()
    await page.evaluate(hide, False)

    async def is_seen() -> bool:
        return await seen(app_server, person) == {asked["id"]}

    await until(is_seen)


@pytest.mark.full
async def test_an_unfolded_value_is_reported_as_opened(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice", agents=1)
    agent = person.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent), arguments={"note": "long " * 100})
    page = await sign_in(person)
    await opened(page, asked)

    async def has_opened(wanted: bool) -> bool:
        async with app_server.database() as owner:
            query = "select opened_arguments from permission_sights where tool_permission_id = $1"
            return bool(await owner.fetchval(query, UUID(asked["id"])) is wanted)

    await until(lambda: has_opened(False))
    await card_of(page, asked).locator(".arguments summary").click()
    await until(lambda: has_opened(True))
