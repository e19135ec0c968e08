"""While a decision is on its way, its card cannot be decided again, however often it changes."""

import asyncio

import pytest
from playwright.async_api import Page, Request, Route, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn
from tests.floor.test_views import measure

pytestmark = pytest.mark.browser

DEAD = 1.2  # seconds during which a new card is disabled, and a little more


@pytest.fixture
async def slow(app_server: AppServer, voice: Person, sign_in: SignIn) -> Page:
    """A page whose decisions take two seconds."""
    page = await sign_in(voice)

    async def late(route: Route) -> None:
        await asyncio.sleep(2)
        await route.continue_()

    await page.route("**/decision", late)
    return page


@pytest.mark.parametrize("press", ["key", "button"])
async def test_a_second_press_sends_nothing(
    app_server: AppServer, voice: Person, slow: Page, press: str
) -> None:
    posted: list[str] = []

    def sent(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/decision"):
            posted.append(request.url)

    slow.on("request", sent)
    agent = voice.agents[0]
    live = await app_server.start(agent)
    asked = await app_server.ask(agent, live)
    card = slow.locator(f"#tool-permission-{asked['id']}")
    await expect(card).to_be_visible()
    await asyncio.sleep(DEAD)
    await card.get_by_role("button", name="Allow").click()
    await measure(app_server, agent, live, feed_text="They go on talking.")
    await expect(card.get_by_text("They go on talking.")).to_be_visible()
    if press == "key":
        await slow.keyboard.press("a")
    else:
        await card.get_by_role("button", name="Allow").click(force=True)
    await expect(card.locator(".outcome")).to_have_text("allowed")
    assert len(posted) == 1
