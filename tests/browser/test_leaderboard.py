"""The leaderboard in a real Chromium: the trend by keyboard, a row that opens, without scripts, on paper, what axe says."""

from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn, without_javascript
from tests.browser.test_axe import complaints
from tests.leaderboard.test_views import lasted

pytestmark = pytest.mark.browser
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]


@pytest.fixture
async def busy(app_server: AppServer) -> Person:
    """A supervisor with two agents and a few interactions of now."""
    person = await app_server.hire("voice", agents=2)
    for seconds, csat in ((60, 90), (200, 70)):
        await lasted(app_server, person.agents[0], seconds, csat)
    return person


async def test_the_arrow_keys_read_the_trend(busy: Person, sign_in: SignIn) -> None:
    page = await sign_in(busy)
    await page.goto("/leaderboard?period=today")
    plot = page.get_by_role("slider", name="CSAT by hour")
    await expect(plot.locator("canvas")).to_be_visible()
    await expect(page.locator("#trend > svg")).to_be_hidden()
    await plot.focus()
    await page.keyboard.press("Home")
    await expect(plot).to_have_attribute("aria-valuenow", "0")
    await page.keyboard.press("End")
    await expect(plot.locator(".read-out")).to_contain_text(busy.username)
    assert busy.username in (await plot.get_attribute("aria-valuetext") or "")
    await page.keyboard.press("Tab")
    await expect(plot.locator(".read-out")).to_be_hidden()


async def test_a_row_leads_to_its_agents_and_their_interactions(busy: Person, sign_in: SignIn) -> None:
    page = await sign_in(busy)
    await page.goto("/leaderboard?period=today")
    name = page.get_by_role("link", name=f"{busy.username}: show agents")
    await name.focus()
    await page.keyboard.press("Enter")
    agents = page.get_by_role("table", name=f"Agents of {busy.username}")
    await expect(agents.locator("tbody tr")).to_have_count(2)
    await expect(page.get_by_role("link", name=f"{busy.username}: hide agents")).to_have_attribute(
        "aria-expanded", "true"
    )
    await agents.get_by_role("link", name="2 interactions of").click()
    await expect(page.locator("table.found tbody tr")).to_have_count(2)


async def test_without_scripts_there_is_a_picture_and_a_table(
    app_server: AppServer, busy: Person, browser: Browser
) -> None:
    async with without_javascript(browser, app_server, busy) as page:
        await page.goto("/leaderboard?period=today&by=interactions")
        await expect(page.get_by_role("img", name="Interactions by hour")).to_be_visible()
        await page.get_by_text("Show as table").click()
        await expect(page.locator(".trend-table tbody tr").last).to_be_visible()
        await expect(page.get_by_role("button", name="Print")).to_be_hidden()
        await page.get_by_label("from").fill("2020-01-02")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator("main")).to_contain_text(
            "the leaderboard reaches back to", ignore_case=True
        )


async def test_paper_has_the_rows_and_the_picture_in_black_on_white(busy: Person, sign_in: SignIn) -> None:
    page = await sign_in(busy)
    await page.emulate_media(color_scheme="dark")
    await page.goto("/leaderboard?period=today")
    await expect(page.locator("#trend canvas")).to_be_visible()
    await page.emulate_media(media="print", color_scheme="dark")
    await expect(page.locator("#trend > svg")).to_be_visible()
    await expect(page.locator("tr.own")).to_be_visible()
    for hidden in ("header.frame", ".board-days form", ".board-head .tools", "#trend canvas"):
        await expect(page.locator(hidden)).to_be_hidden()
    colours = "() => [document.body, document.querySelector('tr.own b')].map((e, n) => getComputedStyle(e)[n ? 'color' : 'backgroundColor'])"
    ground, ink = await page.evaluate(colours)
    assert ground == "rgb(255, 255, 255)"
    assert await _lightness(page, ink) < 0.4


async def _lightness(page: Page, colour: str) -> float:
    found: float = await page.evaluate(
        """(colour) => {
          const c = document.createElement('canvas').getContext('2d');
          c.fillStyle = colour; c.fillRect(0, 0, 1, 1);
          return Math.max(...[...c.getImageData(0, 0, 1, 1).data].slice(0, 3)) / 255;
        }""",
        colour,
    )
    return found


@pytest.mark.full
async def test_axe_finds_nothing_on_either_board(busy: Person, sign_in: SignIn) -> None:
    page = await sign_in(busy)
    for path in (f"/leaderboard?period=today&open={busy.username}", "/leaderboard?board=agents&period=today"):
        for width in (360, 1440):
            await page.set_viewport_size({"width": width, "height": 900})
            for scheme in SCHEMES:
                await page.emulate_media(color_scheme=scheme)
                await page.goto(path)
                assert await complaints(page) == [], (path, width, scheme)
