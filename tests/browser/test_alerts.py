"""An alert in a real Chromium: it appears on an open floor, is announced, moves nothing, and is acknowledged by keyboard."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.alerts.test_views import open_alert
from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser

PLACE = "() => document.querySelector('#tool-permissions').getBoundingClientRect().top"


async def test_an_alert_calls_on_an_open_floor_and_moves_nothing(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    live = await app_server.start(voice.agents[0])
    page = await sign_in(voice)
    await expect(page.locator("#connection")).to_have_text("Live")
    await expect(page.locator("#agents article")).to_contain_text("Nothing said yet")
    await expect(page.locator("#alerts")).to_have_text(re.compile("No alerts"))
    before = await page.evaluate(PLACE)
    alert, _ = await open_alert(app_server, voice, live=live)
    card = page.locator(f"#alert-{alert}")
    await expect(card).to_contain_text("Very <low>")
    await expect(card).to_contain_text("satisfaction 12 %")
    alarm = page.locator("#alarm")
    await expect(alarm).to_have_attribute("aria-live", "assertive")
    await expect(alarm).to_have_text(re.compile("^Alert: Very <low>.*satisfaction 12 %"))
    assert await page.evaluate(PLACE) == before
    for width in (1440, 360):
        await page.set_viewport_size({"width": width, "height": 780})
        await expect(card).to_be_in_viewport()
    button = card.get_by_role("button", name="Acknowledge Very <low>, ")
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(card).to_have_count(0)
    await expect(page.locator("#alerts")).to_be_hidden()  # a phone has no place for "No alerts"
    async with app_server.database() as owner:
        assert await owner.fetchval("select acknowledged_by from alerts where id = $1", alert) == voice.id


ANOTHER = """([x, y]) => new Promise((told) => new MutationObserver(() => {
  const shown = document.querySelector("#alerts .alert").id;
  if (shown === window.first) return;
  const first = document.elementFromPoint(x, y).closest("button");
  setTimeout(() => told([first?.ariaLabel ?? "", document.elementFromPoint(x, y).closest("button")?.closest(".alert").id]), 1000);
}).observe(document.getElementById("main").parentElement, { subtree: true, childList: true }))"""


async def test_an_alert_that_takes_the_place_of_another_is_not_acknowledged_by_the_same_click(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=2)
    page = await sign_in(person)
    await expect(page.locator("#connection")).to_have_text("Live")
    first, _ = await open_alert(app_server, person)
    box = await page.locator(f"#alert-{first}").get_by_role("button").bounding_box()
    assert box is not None
    await page.evaluate("id => { window.first = `alert-${id}`; }", str(first))
    at = [box["x"] + 20, box["y"] + box["height"] / 2]
    appears = asyncio.ensure_future(page.evaluate(ANOTHER, at))
    second, _ = await open_alert(app_server, person, live=await app_server.start(person.agents[1]))
    assert await appears == ["", f"alert-{second}"]


async def test_pages_show_times_as_the_person_wants_them(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    await page.goto("/account")
    await page.get_by_label("Time zone", exact=True).first.select_option("Asia/Kathmandu")
    await page.get_by_label("Clock", exact=True).select_option("12")
    await page.get_by_label("Density", exact=True).select_option("compact")
    await page.get_by_role("button", name="Save how you see pages").click()
    await expect(page.get_by_role("status")).to_contain_text("Every page follows")
    await expect(page.locator("body [data-zone]")).to_have_text("Times in Asia/Kathmandu")
    seen = page.locator("#your-sessions ~ ul time").first
    at = await seen.get_attribute("datetime")
    shown = "(at) => new Date(at).toLocaleTimeString([], { timeZone: 'Asia/Kathmandu', hour: '2-digit', minute: '2-digit', hour12: true })"
    await expect(seen).to_have_text(await page.evaluate(shown, at))
    assert re.search("[AP]M", await seen.inner_text())
    size = "() => parseFloat(getComputedStyle(document.documentElement).fontSize)"
    assert await page.evaluate(size) < 16
    await page.goto("/")
    assert "zone=Asia/Kathmandu" in await page.evaluate("() => document.cookie")
