"""Servers die and come back; cards expire: the page says so, returns by itself and shows what happened meanwhile."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import sign_in_with
from tests.browser.test_floor import ALLOW
from tests.conftest import a_folder, free_port, serving
from tests.site import Person, Site, decision
from tests.test_process import left_behind

pytestmark = pytest.mark.browser


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


async def sign_in(browser: Browser, site: Site, person: Person) -> Page:
    context = await browser.new_context(base_url=site.url)
    page = await context.new_page()
    await sign_in_with(page, person)
    await page.evaluate("() => { window.unreloaded = true; }")
    return page


async def test_a_killed_server_is_said_and_made_up_for(browser: Browser, folder: Path) -> None:
    home, port = folder / "home", free_port()
    with serving(home, port) as site:
        person = await site.hire("voice")
        interaction = await site.start(person.agents[0])
        page = await sign_in(browser, site, person)
        await expect(page.locator("#agents")).to_contain_text("in call")
        site.process.kill()
        site.process.wait()
        await expect(page.locator("#connection")).to_contain_text("stale since")
    with serving(home, port) as site:
        async with site.api(person.agents[0]) as api:
            await api.post(f"/interactions/{interaction}/end", json={"status": "completed"})
        asked = await site.ask(person.agents[0], await site.start(person.agents[0]))
        await expect(page.locator("#connection")).to_have_text("Live")
        card = page.locator(f"#tool-permission-{asked['id']}")
        await card.get_by_role("button", name=ALLOW).click()
        await expect(card).to_contain_text(f"allowed by {person.username}")
        assert await page.evaluate("() => window.unreloaded")
        await page.context.close()


async def test_a_killed_database_is_said_and_made_up_for(browser: Browser, folder: Path) -> None:
    with serving(folder / "home", free_port()) as site:
        person = await site.hire("chat")
        page = await sign_in(browser, site, person)
        await page.evaluate(
            """() => {
              window.states = new Set();
              new MutationObserver(() => window.states.add(document.getElementById("connection").dataset.state))
                .observe(document.body, { subtree: true, childList: true, attributes: true });
            }"""
        )
        os.kill(int(left_behind(site.home)[0].split()[0]), signal.SIGKILL)
        await expect(page.locator("#connection[data-state=live]")).to_be_visible()
        await page.wait_for_function("() => window.states.has('stale')")
        await expect(page.locator("#connection")).to_have_text("Live")
        await site.start(person.agents[0])
        await expect(page.locator("#agents")).to_contain_text("in chat")
        assert await page.evaluate("() => window.unreloaded")
        await page.context.close()


async def test_a_card_that_expires_while_open_says_so_and_cannot_be_clicked(
    browser: Browser, folder: Path
) -> None:
    with serving(folder / "home", free_port(), PERMISSION_SECONDS="3") as site:
        person = await site.hire("voice")
        page = await sign_in(browser, site, person)
        agent = person.agents[0]
        asked = await site.ask(agent, await site.start(agent))
        card = page.locator(f"#tool-permission-{asked['id']}")
        await expect(card.get_by_role("button", name=ALLOW)).to_be_visible()
        await expect(card).to_have_attribute("data-js-urgency", "red")
        await expect(card).to_contain_text("expired")
        await expect(card.get_by_role("button")).to_have_count(0)
        async with site.browser_of(person) as late:
            refused = await late.post(
                f"/tool-permissions/{asked['id']}/decision",
                data=decision(asked, "allowed"),
                headers={"HX-Request": "true"},
            )
        assert refused.status_code == 409
        assert "expired" in refused.text
        await page.context.close()


async def test_one_page_too_many_stops_the_oldest_which_says_so_until_it_is_loaded_again(
    browser: Browser, folder: Path
) -> None:
    stopped = "too many live pages"
    with serving(folder / "home", free_port(), STREAMS_PER_ACCOUNT="2") as site:
        person = await site.hire("voice")
        one, two = await sign_in(browser, site, person), await sign_in(browser, site, person)
        three = await sign_in(browser, site, person)
        await expect(one.locator("#connection")).to_contain_text(stopped)
        await one.wait_for_timeout(7000)  # longer than a page waits until it tries again
        await expect(one.locator("#connection")).to_contain_text(stopped)
        for page in (two, three):
            await expect(page.locator("#connection")).to_have_text("Live")
        await one.reload()
        await expect(one.locator("#connection")).to_have_text("Live")
        await expect(two.locator("#connection")).to_contain_text(stopped)
        another = await two.context.new_page()  # a tab of the browser whose stream has stopped
        await another.goto("/")
        for page in (another, two, one):
            await expect(page.locator("#connection")).to_have_text("Live")
        await expect(three.locator("#connection")).to_contain_text(stopped)
        for page in (one, two, three):
            await page.context.close()
