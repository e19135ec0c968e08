"""A quiet floor in a real Chromium: it says so, shows today, and gives way to the first event."""

import datetime as dt
import re
from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from tests.app_server import AppServer, Person, decision
from tests.browser.conftest import SignIn, sign_in_with
from tests.browser.test_axe import complaints
from tests.browser.test_floor import MARK, STILL, metric

pytestmark = pytest.mark.browser


async def work(
    app_server: AppServer, person: Person, summary: str, status: str = "resolved"
) -> tuple[str, str]:
    """One interaction with an allowed request, from its start to its archive; the ids of both."""
    agent = person.agents[0]
    live = await app_server.start(agent)
    asked = await app_server.ask(agent, live)
    async with app_server.browser_of(person) as browser:
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "allowed"))
    async with app_server.api(agent) as api:
        await metric(api, live, "good", 90, "Is content")
        archive = {"summary": summary, "csat_score": 88, "issues": [{"issue": "Late", "status": status}]}
        ended = await api.post(f"/interactions/{live}/end", json={"status": "completed", "archive": archive})
        assert ended.is_success, ended.text
    return live, asked["id"]


async def top(page: Page, selector: str) -> float:
    box = await page.locator(selector).bounding_box()
    assert box is not None
    return box["y"]


async def test_a_quiet_floor_becomes_busy_and_quiet_again(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    await page.evaluate(MARK)
    line, today = page.locator("#numbers"), page.locator("#today")
    await expect(line).to_contain_text("All quiet")
    await expect(today).to_contain_text("No interaction has arrived yet")
    await expect(page.locator("#tool-permissions")).to_be_hidden()
    head, columns = await top(page, "h1"), await top(page, "#agents")

    live = await app_server.start(voice.agents[0])
    await expect(page.locator("#numbers dd").first).to_have_text("1")
    await expect(today).to_be_hidden()
    await expect(page.locator("#tool-permissions")).to_be_visible()
    assert await top(page, "h1") == head
    assert abs(await top(page, "#agents") - columns) <= 1
    async with app_server.api(voice.agents[0]) as api:
        await api.post(f"/interactions/{live}/end", json={"status": "failed"})
    await expect(line).to_contain_text(re.compile(r"All quiet since \d\d:\d\d\b"))
    await expect(today).to_contain_text("Interaction without a summary")
    await expect(today.locator(".how-it-ended")).to_have_text("Failed")

    live, permission = await work(app_server, voice, "The parcel arrives on Friday.")
    link = today.get_by_role("link", name="The parcel arrives on Friday.")
    await expect(link).to_have_attribute("href", f"/interactions/{live}")
    await expect(today.get_by_role("link", name="issue_refund")).to_have_attribute(
        "href", f"/tool-permissions/{permission}"
    )
    sums = today.locator(".sums > div")
    for name, value in (("interactions", "1"), ("CSAT", "88%"), ("requests answered", "1")):
        await expect(sums.filter(has_text=name).locator("dd").first).to_have_text(value)
    await expect(today.locator(".by-hour li b").last).to_have_text("1")
    assert await page.evaluate(STILL)
    await link.click()
    await expect(page.locator("#archive")).to_contain_text("The parcel arrives on Friday.")


@pytest.mark.full
async def test_a_request_that_waits_ends_the_quiet(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    live = await app_server.start(voice.agents[0])
    asked = await app_server.ask(voice.agents[0], live)
    page = await sign_in(voice)
    await expect(page.locator("#numbers .waiting dd")).to_contain_text("1")
    await expect(page.locator(f"#tool-permission-{asked['id']}")).to_be_visible()
    await expect(page.locator("#today > *")).to_have_count(0)


@pytest.mark.full
async def test_without_agents_it_says_what_to_do(app_server: AppServer, sign_in: SignIn) -> None:
    page = await sign_in(await app_server.hire("voice", agents=0))
    await expect(page.locator("#numbers")).to_contain_text("No agents yet")
    await expect(page.locator("#agents")).to_contain_text("as soon as an admin has made them")
    await expect(page.locator("#today")).to_contain_text("Ask an admin to make an agent for you")


@pytest.mark.full
async def test_the_line_promises_a_sound_only_where_it_is_on(voice: Person, sign_in: SignIn) -> None:
    page = await sign_in(voice)
    rings = page.get_by_text("A new request will ring.")
    await expect(rings).to_be_hidden()
    await page.locator("[data-sound] [data-switch]").click()
    await expect(rings).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.full)])
async def test_axe_finds_nothing_on_a_quiet_floor(
    app_server: AppServer, voice: Person, sign_in: SignIn, scheme: Literal["light", "dark"]
) -> None:
    await work(app_server, voice, "They asked twice. " * 20, "unresolved")
    page = await sign_in(voice)
    await page.emulate_media(color_scheme=scheme)
    for width in (1440, 360):
        await page.set_viewport_size({"width": width, "height": 800})
        await expect(page.locator("#today .today-rows")).to_have_count(2)
        assert not await complaints(page), width


def at_hour(hour: int) -> str:
    """A zone in which it is this hour now."""
    ahead = (hour - dt.datetime.now(dt.UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}"


async def test_today_begins_at_midnight_of_the_chosen_zone(
    app_server: AppServer, voice: Person, browser: Browser
) -> None:
    context = await browser.new_context(base_url=app_server.url, timezone_id=at_hour(9))
    page = await context.new_page()
    await sign_in_with(page, voice)
    await context.add_cookies([{"name": "own-zone", "value": at_hour(21), "url": app_server.url}])
    await page.reload()
    await expect(page.locator("#connection")).to_have_text("Live")
    await expect(page.locator("#today")).to_contain_text("No interaction has arrived yet")
    async with page.expect_request("**/today"):
        await page.evaluate(
            """() => {
              serverTime.learn(serverTime.now() + 4 * 3_600_000);
              document.dispatchEvent(new CustomEvent("htmx:after:swap"));
            }"""
        )
    await context.close()
