"""Servers die and come back, and requests expire: the page says so, recovers, and shows what happened meanwhile."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.app_server import AppServer, Person, decision
from tests.browser.conftest import press, sign_in_with
from tests.browser.test_floor import ALLOW
from tests.conftest import a_folder, free_port, prepared, serving
from tests.test_process import left_behind

pytestmark = pytest.mark.browser


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


async def sign_in(browser: Browser, app_server: AppServer, person: Person) -> Page:
    context = await browser.new_context(base_url=app_server.url)
    page = await context.new_page()
    await sign_in_with(page, person)
    await page.evaluate("() => { window.unreloaded = true; }")
    return page


async def test_a_killed_server_is_said_and_made_up_for(browser: Browser, folder: Path) -> None:
    home, port = folder / "home", free_port()
    with serving(home, port) as app_server:
        person = await app_server.hire("voice")
        interaction = await app_server.start(person.agents[0])
        page = await sign_in(browser, app_server, person)
        await expect(page.locator("#agents")).to_contain_text("in call")
        app_server.process.kill()
        app_server.process.wait()
        await expect(page.locator("#connection")).to_contain_text("stale since")
    with serving(home, port) as app_server:
        async with app_server.api(person.agents[0]) as api:
            await api.post(f"/interactions/{interaction}/end", json={"status": "completed"})
        asked = await app_server.ask(person.agents[0], await app_server.start(person.agents[0]))
        await expect(page.locator("#connection")).to_have_text("Live")
        card = page.locator(f"#tool-permission-{asked['id']}")
        await press(card.get_by_role("button", name=ALLOW))
        await expect(card).to_contain_text(f"allowed by {person.username}")
        assert await page.evaluate("() => window.unreloaded")
        await page.context.close()


async def test_a_killed_database_is_said_and_made_up_for(browser: Browser, folder: Path) -> None:
    with serving(prepared(folder / "home"), free_port()) as app_server:
        person = await app_server.hire("chat")
        page = await sign_in(browser, app_server, person)
        await page.evaluate(
            """() => {
              window.states = new Set();
              new MutationObserver(() => window.states.add(document.getElementById("connection").dataset.state))
                .observe(document.body, { subtree: true, childList: true, attributes: true });
            }"""
        )
        os.kill(int(left_behind(app_server.home)[0].split()[0]), signal.SIGKILL)
        await expect(page.locator("#connection[data-state=live]")).to_be_visible()
        await page.wait_for_function("() => window.states.has('stale')")
        await expect(page.locator("#connection")).to_have_text("Live")
        await app_server.start(person.agents[0])
        await expect(page.locator("#agents")).to_contain_text("in chat")
        assert await page.evaluate("() => window.unreloaded")
        await page.context.close()


async def test_a_card_that_expires_while_open_says_so_and_cannot_be_clicked(
    browser: Browser, folder: Path
) -> None:
    with serving(prepared(folder / "home"), free_port(), PERMISSION_SECONDS="3") as app_server:
        person = await app_server.hire("voice")
        page = await sign_in(browser, app_server, person)
        agent = person.agents[0]
        asked = await app_server.ask(agent, await app_server.start(agent))
        card = page.locator(f"#tool-permission-{asked['id']}")
        await expect(card.get_by_role("button", name=ALLOW)).to_be_visible()
        await expect(card).to_have_attribute("data-js-urgency", "red")
        await expect(card).to_contain_text("expired")
        await expect(card.get_by_role("button")).to_have_count(0)
        async with app_server.browser_of(person) as late:
            refused = await late.post(
                f"/tool-permissions/{asked['id']}/decision",
                data=decision(asked, "allowed"),
                headers={"HX-Request": "true"},
            )
        assert refused.status_code == 409
        assert "expired" in refused.text
        await page.context.close()


@pytest.mark.full
async def test_one_page_too_many_stops_the_oldest_which_says_so_until_it_is_loaded_again(
    browser: Browser, folder: Path
) -> None:
    stopped = "too many live pages"
    with serving(prepared(folder / "home"), free_port(), STREAMS_PER_ACCOUNT="2") as app_server:
        person = await app_server.hire("voice")
        one, two = await sign_in(browser, app_server, person), await sign_in(browser, app_server, person)
        three = await sign_in(browser, app_server, person)
        await expect(one.locator("#connection")).to_contain_text(stopped)
        await one.wait_for_timeout(7000)  # longer than the pause before a page tries again
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
