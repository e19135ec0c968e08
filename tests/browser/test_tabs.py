"""Several tabs of one page: one reads the stream, and the others do not depend on it when it stands still."""

import asyncio

import pytest
from playwright.async_api import Browser, BrowserContext, Dialog, Page, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn, signed_in_at
from tests.browser.test_floor import metric
from tests.proxy import between

pytestmark = [pytest.mark.browser, pytest.mark.full]

BUSY = "(ms) => { const end = performance.now() + ms; while (performance.now() < end); }"
COUNT = """() => {
  window.swaps = 0;
  document.addEventListener("htmx:after:swap", () => window.swaps++);
}"""


async def tab(context: BrowserContext, path: str = "/") -> Page:
    page = await context.new_page()
    await page.goto(path)
    return page


async def sees(app_server: AppServer, person: Person, interaction: str, *pages: Page) -> None:
    """A request that is made now reaches all of them at once."""
    asked = await app_server.ask(person.agents[0], interaction)
    for page in pages:
        await expect(page.locator(f"#tool-permission-{asked['id']}")).to_be_visible(timeout=5_000)


async def test_a_tab_whose_script_is_busy_loses_the_lead(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    interaction = await app_server.start(voice.agents[0])
    leader = await sign_in(voice)
    follower = await tab(leader.context)
    await expect(follower.locator("#connection")).to_have_text("Live")
    busy = asyncio.create_task(leader.evaluate(BUSY, 70_000))
    await asyncio.sleep(1)
    late = await tab(leader.context)
    await expect(late.locator("#connection")).to_have_text("Live", timeout=15_000)  # and not "As of"
    await sees(app_server, voice, interaction, late)
    await expect(follower.locator("#connection")).to_have_text("Live", timeout=30_000)
    await sees(app_server, voice, interaction, follower, late)
    assert not busy.done(), "the tab that led stands still all the while"
    await busy
    await expect(leader.locator("#connection")).to_have_text("Live")
    await sees(app_server, voice, interaction, leader, follower, late)


async def test_a_tab_with_an_open_alert_loses_the_lead(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    interaction = await app_server.start(voice.agents[0])
    leader = await sign_in(voice)
    follower = await tab(leader.context)
    await expect(follower.locator("#connection")).to_have_text("Live")
    async with leader.expect_event("dialog") as shown:
        alert = asyncio.create_task(leader.evaluate("() => alert(1)"))
    dialog: Dialog = await shown.value
    await follower.wait_for_timeout(27_000)  # longer than a silence
    await expect(follower.locator("#connection")).to_have_text("Live")
    await sees(app_server, voice, interaction, follower)
    await dialog.accept()
    await alert
    await sees(app_server, voice, interaction, leader, follower)


async def test_a_page_that_looked_again_takes_one_stream_and_keeps_what_it_has(
    app_server: AppServer, sign_in: SignIn
) -> None:
    admin, supervisor = await app_server.hire("admin"), await app_server.hire("voice")
    agent = supervisor.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    pages = [await sign_in(admin)]
    await pages[0].locator("[data-sound] [data-switch]").click()
    for path in ("/?type=voice", "/?type=chat", "/?sentiment=good", "/?sentiment=critical"):
        pages.append(await tab(pages[0].context, path))
    last = pages[-1]
    await expect(last.locator("#connection")).to_contain_text("looks again")
    streams: list[str] = []
    last.on("request", lambda request: streams.append(request.url) if "/stream" in request.url else None)
    # Among the requests of everybody, where it may be a folded line.
    await last.locator(f"#tool-permission-{asked['id']} header").evaluate("header => header.click()")
    await last.locator(f"#tool-permission-{asked['id']} a.standing:not(.answer-link)").click()
    await expect(last.locator("#dialog form")).to_be_visible()
    await last.wait_for_timeout(11_000)  # it has looked twice
    await expect(last.locator("#dialog form")).to_be_visible()
    await expect(last.locator("[data-sound]")).to_be_visible()
    await expect(last.locator("[data-sound]")).to_contain_text("Sound ")
    await pages[1].close()
    await expect(last.locator("#connection")).to_have_text("Live")
    await last.wait_for_timeout(6_000)
    assert len(streams) == 1


COUNTED = """(() => {
  window.sent = 0;
  const post = BroadcastChannel.prototype.postMessage;
  BroadcastChannel.prototype.postMessage = function (what) {
    window.sent++;
    return post.call(this, what);
  };
})();"""


async def test_tabs_that_hear_nothing_say_little_to_one_another(
    app_server: AppServer, voice: Person, browser: Browser
) -> None:
    async with (
        between(app_server) as proxy,
        signed_in_at(browser, proxy.app_server, voice, COUNTED) as leader,
    ):
        followers = [await tab(leader.context) for _ in range(2)]
        for page in followers:
            await expect(page.locator("#connection")).to_have_text("Live")
        proxy.swallows_streams = True
        for page in (leader, *followers):
            await expect(page.locator("#connection")).to_contain_text("stale since")
        busy = asyncio.create_task(leader.evaluate(BUSY, 20_000))
        late = await tab(leader.context)
        await late.wait_for_timeout(12_000)
        pages = (*followers, late)
        assert sum([await page.evaluate("window.sent") for page in pages]) < 200
        proxy.swallows_streams = False
        await busy
        for page in (leader, *pages):
            await expect(page.locator("#connection")).to_have_text("Live")


async def test_a_tab_that_stood_still_shows_the_newest_of_each_region_once(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    leader = await sign_in(voice)
    follower = await tab(leader.context)
    await expect(follower.locator("#connection")).to_have_text("Live")
    await leader.evaluate(COUNT)
    await follower.evaluate(COUNT)
    interaction = await app_server.start(voice.agents[0])
    busy = asyncio.create_task(follower.evaluate(BUSY, 20_000))
    async with app_server.api(voice.agents[0]) as api:
        for number in range(150):
            await metric(api, interaction, "neutral", number % 100, f"Line {number}")
            await asyncio.sleep(0.05)
    assert not busy.done(), "all of it was sent while the tab stood still"
    await busy
    for page in (leader, follower):
        await expect(page.locator("#agents .feed li").first).to_contain_text("Line 149")
    assert await leader.evaluate("() => window.swaps") > 30
    assert await follower.evaluate("() => window.swaps") <= 3
