"""Several tabs of one page: one of them has the stream, and none relies on a tab that stands still."""

import asyncio

import pytest
from playwright.async_api import BrowserContext, Dialog, Page, expect

from tests.browser.conftest import SignIn
from tests.browser.test_floor import metric
from tests.site import Person, Site

pytestmark = [pytest.mark.browser, pytest.mark.full]

BUSY = "(ms) => { const end = performance.now() + ms; while (performance.now() < end); }"
COUNT = """() => {
  window.swaps = 0;
  document.addEventListener("htmx:after:swap", () => window.swaps++);
}"""


async def tab(context: BrowserContext) -> Page:
    page = await context.new_page()
    await page.goto("/")
    return page


async def sees(site: Site, person: Person, interaction: str, *pages: Page) -> None:
    """A request that is made now comes to all of them at once."""
    asked = await site.ask(person.agents[0], interaction)
    for page in pages:
        await expect(page.locator(f"#tool-permission-{asked['id']}")).to_be_visible(timeout=5_000)


async def test_a_tab_whose_script_is_busy_loses_the_lead(site: Site, voice: Person, sign_in: SignIn) -> None:
    interaction = await site.start(voice.agents[0])
    leader = await sign_in(voice)
    follower = await tab(leader.context)
    await expect(follower.locator("#connection")).to_have_text("Live")
    busy = asyncio.create_task(leader.evaluate(BUSY, 70_000))
    await asyncio.sleep(1)
    late = await tab(leader.context)
    await expect(late.locator("#connection")).to_have_text("Live", timeout=15_000)  # and not "As of"
    await sees(site, voice, interaction, late)
    await expect(follower.locator("#connection")).to_have_text("Live", timeout=30_000)
    await sees(site, voice, interaction, follower, late)
    assert not busy.done(), "the tab that led stands still all the while"
    await busy
    await expect(leader.locator("#connection")).to_have_text("Live")
    await sees(site, voice, interaction, leader, follower, late)


async def test_a_tab_with_an_open_alert_loses_the_lead(site: Site, voice: Person, sign_in: SignIn) -> None:
    interaction = await site.start(voice.agents[0])
    leader = await sign_in(voice)
    follower = await tab(leader.context)
    await expect(follower.locator("#connection")).to_have_text("Live")
    async with leader.expect_event("dialog") as shown:
        alert = asyncio.create_task(leader.evaluate("() => alert(1)"))
    dialog: Dialog = await shown.value
    await follower.wait_for_timeout(27_000)  # longer than a silence
    await expect(follower.locator("#connection")).to_have_text("Live")
    await sees(site, voice, interaction, follower)
    await dialog.accept()
    await alert
    await sees(site, voice, interaction, leader, follower)


async def test_a_tab_that_stood_still_shows_the_newest_of_each_region_once(
    site: Site, voice: Person, sign_in: SignIn
) -> None:
    leader = await sign_in(voice)
    follower = await tab(leader.context)
    await expect(follower.locator("#connection")).to_have_text("Live")
    await leader.evaluate(COUNT)
    await follower.evaluate(COUNT)
    interaction = await site.start(voice.agents[0])
    busy = asyncio.create_task(follower.evaluate(BUSY, 20_000))
    async with site.api(voice.agents[0]) as api:
        for number in range(150):
            await metric(api, interaction, "neutral", number % 100, f"Line {number}")
            await asyncio.sleep(0.05)
    assert not busy.done(), "all of it was sent while the tab stood still"
    await busy
    for page in (leader, follower):
        await expect(page.locator("#agents .feed li").first).to_contain_text("Line 149")
    assert await leader.evaluate("() => window.swaps") > 30
    assert await follower.evaluate("() => window.swaps") <= 3
