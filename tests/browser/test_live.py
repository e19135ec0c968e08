"""When messages of the server stop reaching a page, it says so within half a minute, and recovers."""

import os
import re
import signal
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.app_server import AppServer, Person, decision
from tests.browser.conftest import SignIn, press, signed_in_at
from tests.browser.test_floor import ALLOW, MARK, STILL
from tests.conftest import a_folder, free_port, prepared, serving
from tests.proxy import Proxy, between

pytestmark = pytest.mark.browser

STALE = re.compile("stale since")


@pytest.fixture
async def proxy(app_server: AppServer) -> AsyncIterator[Proxy]:
    async with between(app_server) as made:
        yield made


async def says_stale(page: Page) -> None:
    await expect(page.locator("#connection")).to_contain_text(STALE)
    await expect(page).to_have_title(re.compile("^Stale · "))
    assert "favicon-stale" in (await page.locator("#favicon").get_attribute("href") or "")


async def is_live_again(page: Page) -> None:
    await expect(page.locator("#connection")).to_have_text("Live")
    await expect(page).to_have_title(re.compile("^(?!Stale)"))
    assert "favicon-stale" not in (await page.locator("#favicon").get_attribute("href") or "")
    assert await page.evaluate(STILL), "not by loading the page again"


@pytest.mark.full
async def test_a_stream_whose_bytes_are_lost_is_said_and_replaced(
    app_server: AppServer, voice: Person, proxy: Proxy, browser: Browser
) -> None:
    async with signed_in_at(browser, proxy.app_server, voice) as page:
        await page.evaluate(MARK)
        proxy.swallow_what_is_open()
        asked = await app_server.ask(voice.agents[0], await app_server.start(voice.agents[0]))
        began = await page.evaluate("performance.now()")
        await page.wait_for_function(
            "() => document.getElementById('connection').textContent.includes('stale since')"
            f" || document.getElementById('tool-permission-{asked['id']}')"
        )
        assert await page.evaluate("performance.now()") - began < 27_000
        await expect(page.locator(f"#tool-permission-{asked['id']}")).to_be_visible()
        await is_live_again(page)


@pytest.mark.full
async def test_on_a_stale_page_a_request_is_fetched_and_looked_at_before_it_is_decided(
    app_server: AppServer, voice: Person, proxy: Proxy, browser: Browser
) -> None:
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    asked, other = [await app_server.ask(agent, interaction) for _ in range(2)]
    async with signed_in_at(browser, proxy.app_server, voice) as page:
        proxy.swallows_streams = True
        await says_stale(page)
        admin = await app_server.hire("admin")
        async with app_server.browser_of(admin) as elsewhere:
            await elsewhere.post(f"/tool-permissions/{other['id']}/decision", data=decision(other, "denied"))
        card, gone = (page.locator(f"#tool-permission-{one['id']}") for one in (asked, other))
        await gone.locator("header").click()  # a line is opened before it is decided
        await press(gone.get_by_role("button", name=ALLOW))
        await expect(gone).to_contain_text(f"denied by {admin.name}")
        await card.locator("header").click()
        await press(card.get_by_role("button", name=ALLOW))
        await expect(page.locator("#toasts")).to_contain_text("fetched again")
        await expect(card).to_have_attribute("data-js-dead", "yes")
        async with app_server.api(agent) as api:
            assert (await api.get(f"/tool-permissions/{asked['id']}")).json()["status"] == "pending"
        await press(card.get_by_role("button", name=ALLOW))  # once it is not dead any more
        await expect(card).to_contain_text(f"allowed by {voice.username}")
        await expect(page.locator("#connection")).to_contain_text(STALE)
        proxy.swallows_streams = False
        await expect(page.locator("#connection")).to_have_text("Live")


@pytest.mark.full
async def test_a_server_that_stands_still_is_said_and_made_up_for(browser: Browser) -> None:
    with a_folder() as folder, serving(prepared(folder / "home"), free_port()) as app_server:
        person = await app_server.hire("voice")
        async with signed_in_at(browser, app_server, person) as page:
            await page.evaluate(MARK)
            os.kill(app_server.process.pid, signal.SIGSTOP)
            try:
                await says_stale(page)
                await page.get_by_role("link", name="Leaderboard").focus()  # the page itself goes on
            finally:
                os.kill(app_server.process.pid, signal.SIGCONT)
            await is_live_again(page)


@pytest.mark.full
async def test_a_page_that_answers_for_the_server_is_not_live(
    app_server: AppServer, voice: Person, proxy: Proxy, browser: Browser
) -> None:
    async with signed_in_at(browser, proxy.app_server, voice) as page:
        await page.evaluate(MARK)
        proxy.portal = True
        proxy.cut()
        await says_stale(page)
        await page.wait_for_timeout(5_000)
        await says_stale(page)
        proxy.portal = False
        await is_live_again(page)


@pytest.mark.full
async def test_a_page_opened_where_no_stream_comes_does_not_stay_as_of(
    voice: Person, proxy: Proxy, sign_in: SignIn, browser: Browser
) -> None:
    async with signed_in_at(browser, proxy.app_server, voice) as page:
        proxy.swallows_streams = True
        await page.reload()
        await expect(page.locator("#connection")).to_contain_text("As of")
        await says_stale(page)
        await page.evaluate(MARK)
        proxy.swallows_streams = False
        await is_live_again(page)


@pytest.mark.full
async def test_a_slow_line_is_live_and_one_that_is_cut_comes_back(
    app_server: AppServer, voice: Person, proxy: Proxy, browser: Browser
) -> None:
    async with signed_in_at(browser, proxy.app_server, voice) as page:
        await page.evaluate(MARK)
        proxy.delay = 1.0
        await page.evaluate(
            """() => {
              window.states = new Set();
              document.addEventListener("connection:changed", () => window.states.add(document.getElementById("connection").dataset.state));
            }"""
        )
        await page.wait_for_timeout(31_000)  # longer than the limit of silence
        assert await page.evaluate("[...window.states]") == []
        proxy.delay = 0.0
        for _ in range(3):
            proxy.cut()
            await page.wait_for_function("() => window.states.has('reconnecting')")
            await is_live_again(page)
            await page.evaluate("() => window.states.clear()")
