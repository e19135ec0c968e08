"""Selected text stays the same while lines are added and removed around it."""

import pytest
from playwright.async_api import Page, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn
from tests.floor.test_views import measure

pytestmark = pytest.mark.browser

SELECT = """text => {
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const at = walker.currentNode.data.indexOf(text);
    if (at < 0) continue;
    const range = document.createRange();
    range.setStart(walker.currentNode, at);
    range.setEnd(walker.currentNode, at + text.length);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return true;
  }
  return false;
}"""


async def stays_selected(page: Page, app_server: AppServer, person: Person, interaction: str) -> None:
    agent = person.agents[0]
    await measure(app_server, agent, interaction, feed_text="order A-1001")
    await expect(page.get_by_text("order A-1001").first).to_be_visible()
    assert await page.evaluate(SELECT, "A-1001")
    for number in (2002, 3003):
        await measure(app_server, agent, interaction, feed_text=f"order B-{number}", sentiment="critical")
        await expect(page.get_by_text(f"order B-{number}").first).to_be_visible()
        assert await page.evaluate("getSelection().toString()") == "A-1001"


async def test_in_the_feed_of_a_card(app_server: AppServer, voice: Person, sign_in: SignIn) -> None:
    live = await app_server.start(voice.agents[0])
    page = await sign_in(voice)
    await stays_selected(page, app_server, voice, live)


async def test_in_the_timeline_of_an_interaction(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    live = await app_server.start(voice.agents[0])
    page = await sign_in(voice)
    await page.goto(f"/interactions/{live}")
    await expect(page.locator("#connection")).to_have_text("Live")
    await stays_selected(page, app_server, voice, live)
