"""The page of one request: what its card cannot hold is looked at there, and then allowed."""

from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn, press
from tests.browser.test_floor import ALLOW
from tests.browser.test_open_request import allowed
from tests.browser.test_queue import card_of, statuses
from tests.conftest import until

pytestmark = pytest.mark.browser

SEE_ALL = "See all arguments, then allow"


async def too_large_for_its_card(
    app_server: AppServer, sign_in: SignIn
) -> tuple[Person, dict[str, Any], Page]:
    """A request that differs from the last one in more than its card can hold, on a floor."""
    person = await app_server.hire("voice", agents=1)
    agent = person.agents[0]
    live = await app_server.start(agent)
    await allowed(app_server, person, await app_server.ask(agent, live, arguments={"text": "short"}))
    asked = await app_server.ask(agent, live, arguments={"text": "long " * 4000})
    page = await sign_in(person)
    await expect(card_of(page, asked)).to_have_attribute("data-js-open", "yes")
    return person, asked, page


async def test_it_is_allowed_once_it_was_looked_at(app_server: AppServer, sign_in: SignIn) -> None:
    _, asked, page = await too_large_for_its_card(app_server, sign_in)
    card = card_of(page, asked)
    await expect(card.get_by_role("button", name=ALLOW)).to_have_count(0)
    await expect(card.locator("a.standing")).to_have_count(0)  # neither dialog allows it
    await card.get_by_role("link", name=SEE_ALL).click()
    allow = card.get_by_role("button", name=ALLOW)
    await expect(card.locator(".changed")).to_contain_text("was short")
    await expect(card.locator(".left")).to_contain_text(":")
    await page.wait_for_timeout(1000)
    await expect(allow).to_be_disabled()
    await page.keyboard.press("j")
    await page.keyboard.press("a")
    assert await statuses(app_server, asked) == ["pending"]
    await page.keyboard.press("End")
    await expect(allow).to_be_enabled()
    await press(allow)
    await expect(card).to_contain_text("allowed by")
    assert await statuses(app_server, asked) == ["allowed"]

    async def is_reported() -> bool:
        async with app_server.database() as owner:
            query = "select opened_arguments from permission_sights where tool_permission_id = $1"
            return bool(await owner.fetchval(query, UUID(asked["id"])))

    await until(is_reported)


@pytest.mark.full
async def test_a_double_click_on_the_way_there_allows_nothing(app_server: AppServer, sign_in: SignIn) -> None:
    person, asked, page = await too_large_for_its_card(app_server, sign_in)
    agent = person.agents[0]
    # Whatever lies under the second click, it is dead.
    await card_of(page, asked).get_by_role("link", name=SEE_ALL).dblclick()
    await page.wait_for_timeout(500)
    async with app_server.api(agent) as api:
        assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "pending"


@pytest.mark.full
async def test_dialogs_open_there_and_answer(app_server: AppServer, sign_in: SignIn) -> None:
    _, asked, page = await too_large_for_its_card(app_server, sign_in)
    card = card_of(page, asked)
    await card.get_by_role("link", name=SEE_ALL).click()
    await card.get_by_role("link", name="Reason or changes").click()
    as_it_is = page.get_by_role("button", name="with this reason")
    await page.wait_for_timeout(1000)
    await expect(as_it_is).to_be_disabled()  # its card hides a value that differs
    await page.get_by_label("Reason, told to the agent").last.fill("Too long.")
    await page.get_by_role("link", name="Cancel").click()
    await page.keyboard.press("End")
    await card.get_by_role("link", name="Reason or changes").click()
    await expect(as_it_is).to_be_enabled()
    await press(as_it_is)
    await expect(card).to_contain_text("allowed by")


async def test_too_many_arguments_for_a_table_are_one_text_that_is_looked_at(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=1)
    agent = person.agents[0]
    live = await app_server.start(agent)
    many = {f"v{n}": n for n in range(2100)}
    await allowed(app_server, person, await app_server.ask(agent, live, arguments=many))
    asked = await app_server.ask(agent, live, arguments={**many, "v2099": "the end"})
    page = await sign_in(person)
    await page.goto(f"/tool-permissions/{asked['id']}")
    card = card_of(page, asked)
    allow = card.get_by_role("button", name=ALLOW)
    await expect(card.locator(".arguments tr")).to_have_count(1)
    assert (await card.locator(".arguments bdi").first.inner_text()).endswith('"the end"}')
    await page.wait_for_timeout(1000)
    await expect(allow).to_be_disabled()
    await page.keyboard.press("End")
    await press(allow)
    await expect(card).to_contain_text("allowed by")
    assert await statuses(app_server, asked) == ["allowed"]
