"""A page counts by the server's time, whatever the clock of its machine shows."""

import asyncio
import datetime as dt
import re

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import signed_in_at

pytestmark = pytest.mark.browser

# A clock that is wrong by `window.wrong` ms, and can be set while the page is open.
WRONG = """(() => {
  const Real = Date;
  window.wrong = Number(sessionStorage.getItem("wrong") ?? %d);
  const now = () => Real.now() + window.wrong;
  window.Date = class extends Real {
    constructor(...given) {
      if (given.length) super(...given);
      else super(now());
    }
    static now() { return now(); }
  };
})();"""


def seconds(text: str) -> int:
    """5:59 left, 12 s ago → 359, 12"""
    if found := re.search(r"(\d+):(\d\d) left", text):
        return 60 * int(found[1]) + int(found[2])
    if found := re.search(r"Silent (\d+):(\d\d)", text):
        return 60 * int(found[1]) + int(found[2])
    found = re.search(r"(\d+) s", text)
    return int(found[1]) if found else 0


async def is_right(page: Page, asked: dict[str, str], heard: dt.datetime) -> None:
    """The countdown of a request and the silence on its agent's card are right to a second."""
    text = await page.locator(f"#tool-permission-{asked['id']} .left").inner_text()
    now = dt.datetime.now(dt.UTC)
    left = (dt.datetime.fromisoformat(asked["expires_at"]) - now).total_seconds()
    assert -1.1 < seconds(text) - left < 1.1, (text, left)  # a whole second is shown
    said = await page.locator("#agents [data-heard]").inner_text()
    silent = (dt.datetime.now(dt.UTC) - heard).total_seconds()
    if silent > 3:
        assert -1.6 < seconds(said) - silent < 0.5, (said, silent)


WRONG_FROM_THE_START = [0, *(pytest.param(minutes, marks=pytest.mark.full) for minutes in (45, -45))]


@pytest.mark.parametrize("wrong", WRONG_FROM_THE_START)
async def test_countdowns_and_silences_are_right_with_a_clock_that_is_wrong_or_set(
    app_server: AppServer, voice: Person, browser: Browser, wrong: int
) -> None:
    agent = voice.agents[0]
    async with signed_in_at(browser, app_server, voice, WRONG % (wrong * 60_000)) as page:
        interaction = await app_server.start(agent)
        asked = await app_server.ask(agent, interaction)
        async with app_server.api(agent) as api:
            await api.post(f"/interactions/{interaction}/metrics", json={"satisfaction_score": 50})
        heard = dt.datetime.now(dt.UTC)
        await expect(page.locator(f"#tool-permission-{asked['id']} .left")).to_be_visible()
        for step in (0, 7, -60, 600):  # minutes, while the page is open
            await page.evaluate("(step) => { window.wrong += step * 60_000; }", step)
            await page.wait_for_timeout(2200)
            await expect(page.locator("#connection")).to_have_text("Live")
            await is_right(page, asked, heard)


@pytest.mark.full
async def test_countdowns_are_right_where_the_scripts_come_late(
    app_server: AppServer, voice: Person, browser: Browser
) -> None:
    agent = voice.agents[0]
    interaction = await app_server.start(agent)
    asked = await app_server.ask(agent, interaction)
    heard = dt.datetime.now(dt.UTC)
    async with signed_in_at(browser, app_server, voice) as page:

        async def late(route: Route) -> None:
            await asyncio.sleep(12)
            await route.continue_()

        await page.route("**/js/server_time.js*", late)
        await page.route("**/stream*", lambda route: route.abort())  # what comes with the page alone
        await page.reload()
        await page.wait_for_function("() => window.serverTime")
        await page.wait_for_timeout(1100)
        await is_right(page, asked, heard)
