"""A queue of many requests: one is open, the others are lines; only what is open and in sight is decided."""

import asyncio
import itertools
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.app_server import PASSWORD, AppServer, Person, decision
from tests.browser.conftest import SignIn, press
from tests.browser.test_floor import ALLOW
from tests.browser.test_queue import (
    Asked,
    armed,
    ask_all,
    card_of,
    decide_elsewhere,
    opened,
    statuses,
)
from tests.conftest import free_port, prepared, serving

pytestmark = pytest.mark.browser

MANY = {f"value_{number}": f"text {number}" for number in range(30)}


async def ask_many(app_server: AppServer, person: Person, count: int, **arguments: Any) -> list[Asked]:
    """So many requests of the person's agents in turn, in the order of the page."""
    live = [await app_server.start(agent) for agent in person.agents]
    found = []
    for number in range(count):
        place = number % len(live)
        tool = f"tool_{number}"
        given = {"order": f"W{number}", **arguments}
        found.append(await app_server.ask(person.agents[place], live[place], tool_name=tool, arguments=given))
    return found


async def allowed(app_server: AppServer, person: Person, asked: Asked) -> None:
    async with app_server.browser_of(person) as browser:
        path = f"/tool-permissions/{asked['id']}/decision"
        assert (await browser.post(path, data=decision(asked, "allowed"))).status_code == 303


def is_open(page: Page) -> Any:
    return page.locator('.tool-permission[data-js-open="yes"]')


async def test_one_is_open_and_the_others_are_lines_folded_after_eight(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=3)
    asked = await ask_many(app_server, person, 12)
    page = await sign_in(person)
    await armed(page, *asked)
    allow = page.get_by_role("button", name=ALLOW)
    await expect(allow).to_have_count(1)
    lines = page.locator('.tool-permission[data-js-open="no"]')
    await expect(lines.locator("visible=true").first).to_contain_text("tool_1")
    await expect(page.locator(".tool-permission.pending").locator("visible=true")).to_have_count(8)
    heights = await lines.evaluate_all("all => all.map((one) => one.offsetHeight).filter(Boolean)")
    assert max(heights) <= 60
    names = await page.locator(".opener").evaluate_all(
        "all => all.map((one) => one.getAttribute('aria-label'))"
    )
    assert len(set(names)) == len(names)
    await page.get_by_role("button", name="4 more, show").click()
    await expect(page.locator(".tool-permission.pending").locator("visible=true")).to_have_count(12)
    # A click on a line, J, K and Enter open one in its place, and close the other.
    await card_of(page, asked[4]).locator("header").click()
    await expect(is_open(page)).to_have_id(f"tool-permission-{asked[4]['id']}")
    await expect(allow).to_have_count(1)
    for key, at in (("j", 5), ("k", 4), ("k", 3)):
        await page.keyboard.press(key)
        await expect(is_open(page)).to_have_id(f"tool-permission-{asked[at]['id']}")
    await card_of(page, asked[6]).locator(".opener").focus()
    await page.keyboard.press("a")  # it is selected, but not open
    await page.keyboard.press("Enter")
    await expect(is_open(page)).to_have_id(f"tool-permission-{asked[6]['id']}")
    await expect(card_of(page, asked[6]).locator(".opener")).to_have_attribute("aria-expanded", "true")
    await armed(page, asked[6])
    await page.keyboard.press("a")
    await expect(card_of(page, asked[6])).to_contain_text("allowed by")
    assert set(await statuses(app_server, *asked[:6], *asked[7:])) == {"pending"}


@pytest.mark.parametrize("opened_at", [0, 3, 5])
async def test_the_order_on_a_wide_page_is_the_order_seen(
    app_server: AppServer, sign_in: SignIn, opened_at: int
) -> None:
    person = await app_server.hire("voice", agents=3)
    asked = await ask_many(app_server, person, 6)
    page = await sign_in(person)
    await page.set_viewport_size({"width": 2560, "height": 1300})
    await armed(page, *asked)
    if opened_at:
        await card_of(page, asked[opened_at]).locator("header").click()
    await expect(is_open(page)).to_have_id(f"tool-permission-{asked[opened_at]['id']}")
    boxes = await page.locator(".tool-permission.pending").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map(({x, y, right, bottom}) => ({x, y, right, bottom}))"
    )
    # One column after the other, each from top to bottom; both are used, and nothing lies over anything.
    assert len({box["x"] for box in boxes}) == (1 if opened_at == 5 else 2)
    for one, after in itertools.pairwise(boxes):
        assert after["y"] >= one["bottom"] - 1 if after["x"] == one["x"] else after["x"] >= one["right"]
    assert boxes[opened_at]["right"] - boxes[opened_at]["x"] > 900


@pytest.mark.full
async def test_a_double_click_on_a_line_opens_it_and_decides_nothing(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=3)
    page = await sign_in(person)
    asked = await ask_all(app_server, person)
    await armed(page, *asked)
    for one in (asked[1], asked[2], asked[0]):
        await card_of(page, one).locator("header").dblclick(position={"x": 60, "y": 15})
        await expect(is_open(page)).to_have_id(f"tool-permission-{one['id']}")
    # The foot of the one that opens may come to lie where the line was.
    assert await statuses(app_server, *asked) == ["pending"] * 3


@pytest.mark.full
async def test_the_next_one_opens_when_nobody_is_at_the_queue(app_server: AppServer, sign_in: SignIn) -> None:
    person, admin = await app_server.hire("voice", agents=3), await app_server.hire("admin")
    page = await sign_in(person)
    asked = await ask_all(app_server, person)
    await opened(page, asked[0])
    await press(card_of(page, asked[0]).get_by_role("button", name=ALLOW))
    await expect(card_of(page, asked[0])).to_contain_text("allowed by")
    await expect(card_of(page, asked[1])).to_have_attribute("data-js-open", "no")
    await page.mouse.move(1200, 10)
    await page.keyboard.press("Escape")  # focus is on the answer
    await expect(card_of(page, asked[1])).to_have_attribute("data-js-open", "yes")
    assert (await card_of(page, asked[1]).get_attribute("data-js-dead")) == "yes"
    await armed(page, asked[1])
    # Decided elsewhere: no other one opens by itself.
    await decide_elsewhere(app_server, admin, asked[1])
    await expect(card_of(page, asked[1])).to_contain_text("denied by")
    await page.wait_for_timeout(500)
    await expect(card_of(page, asked[2])).to_have_attribute("data-js-open", "no")
    await page.keyboard.press("j")
    await expect(card_of(page, asked[2])).to_have_attribute("data-js-open", "yes")


async def test_who_goes_on_before_the_reply_stays_there(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice", agents=3)
    page = await sign_in(person)
    asked = await ask_all(app_server, person)
    await armed(page, *asked)
    late = asyncio.Event()

    async def held_back(route: Route) -> None:
        await late.wait()
        await route.continue_()

    await page.route("**/decision", held_back)
    await page.keyboard.press("j")
    await page.keyboard.press("a")
    await page.keyboard.press("j")
    await expect(card_of(page, asked[1])).to_be_focused()
    late.set()
    await expect(card_of(page, asked[0])).to_contain_text("allowed by")
    await expect(page.locator("#announcement")).to_contain_text("allowed by")
    await expect(card_of(page, asked[1])).to_be_focused()
    await armed(page, asked[1])
    await page.keyboard.press("a")
    await expect(card_of(page, asked[1])).to_contain_text("allowed by")
    assert await statuses(app_server, *asked) == ["allowed", "allowed", "pending"]


@pytest.mark.full
async def test_one_that_expires_within_a_minute_comes_first_and_is_not_folded(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=1)
    asked = await ask_many(app_server, person, 10)
    async with app_server.database() as owner:
        await owner.execute("alter table tool_permissions disable trigger tool_permissions_11_guard")
        await owner.execute(
            "update tool_permissions set expires_at = now() + interval '50 seconds' where id = $1",
            UUID(asked[9]["id"]),
        )
        await owner.execute("alter table tool_permissions enable trigger tool_permissions_11_guard")
    page = await sign_in(person)
    await expect(page.locator(".tool-permission").first).to_have_id(f"tool-permission-{asked[9]['id']}")
    await expect(is_open(page)).to_have_id(f"tool-permission-{asked[9]['id']}")


@pytest.mark.parametrize("width", [360, pytest.param(390, marks=pytest.mark.full)])
async def test_on_a_phone_the_first_request_is_near_the_top(
    app_server: AppServer, browser: Browser, width: int
) -> None:
    person = await app_server.hire("voice", agents=3)
    asked = await ask_many(app_server, person, 9, **MANY)
    context = await browser.new_context(
        base_url=app_server.url, has_touch=True, is_mobile=True, viewport={"width": width, "height": 740}
    )
    page = await context.new_page()
    await page.goto("/login")
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").tap()
    await armed(page, *asked)
    box = await card_of(page, asked[0]).bounding_box()
    assert box is not None
    assert box["y"] <= 200
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await expect(page.get_by_role("button", name="Shortcuts")).to_be_hidden()
    await card_of(page, asked[0]).locator(".deny summary").tap()
    assert await page.evaluate("document.activeElement.matches('input')") is False  # no keyboard opens
    await card_of(page, asked[0]).locator(".deny summary").tap()
    await page.evaluate("scrollBy(0, 60)")
    for part in (".left", ".decision .primary"):  # the clock and the buttons stick
        await expect(card_of(page, asked[0]).locator(part)).to_be_in_viewport()
    await page.get_by_role("button", name="Menu").tap()
    await expect(page.get_by_role("link", name="Leaderboard")).to_be_visible()
    await context.close()


async def test_a_finger_allows_one_at_a_time(app_server: AppServer, browser: Browser) -> None:
    person = await app_server.hire("voice", agents=3)
    context = await browser.new_context(
        base_url=app_server.url, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
    )
    page = await context.new_page()
    await page.goto("/login")
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").tap()
    await expect(page.locator("#connection")).to_have_text("Live")
    asked = await ask_all(app_server, person)
    await armed(page, *asked)
    button = card_of(page, asked[0]).get_by_role("button", name=ALLOW)
    await button.scroll_into_view_if_needed()
    box = await button.bounding_box()
    assert box is not None
    for _ in range(4):
        await page.touchscreen.tap(box["x"] + 30, box["y"] + 10)
        await page.wait_for_timeout(250)
    assert await statuses(app_server, *asked) == ["allowed", "pending", "pending"]
    # The finger has left the screen, although the browser still has its place: the next one opens by itself.
    await expect(is_open(page)).to_have_id(f"tool-permission-{asked[1]['id']}")
    await context.close()


WORDS = {
    "long": "Donaudampfschifffahrtsgesellschaft" * 4,
    "arabic": "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "thai": "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
    "family": "\U0001f469\u200d\U0001f469\u200d\U0001f467",
}


@pytest.mark.full
async def test_forty_requests_of_thirty_arguments_hold(browser: Browser, tmp_path: Path) -> None:
    """On the floor and on the wallboard, with long words and several scripts, on a phone, a wall and at 200 %."""
    with serving(prepared(tmp_path / "home"), free_port(), PENDING_PER_AGENT="20") as app_server:
        person, admin = await app_server.hire("voice", agents=2), await app_server.hire("admin")
        given = {**dict(list(MANY.items())[:26]), **WORDS}
        asked = await ask_many(app_server, person, 40, **given)
        for who in (person, admin):
            for width, height in ((2560, 1300), (1440, 900), (720, 450), (360, 740)):
                context = await browser.new_context(
                    base_url=app_server.url, viewport={"width": width, "height": height}
                )
                page = await context.new_page()
                await page.goto("/login")
                await page.get_by_label("E-mail").fill(who.email)
                await page.get_by_label("Password").fill(PASSWORD)
                await page.keyboard.press("Enter")
                await armed(page, *asked)
                assert await page.evaluate("document.documentElement.scrollWidth") <= width
                await expect(page.locator(".tool-permission.pending")).to_have_count(40)
                await card_of(page, asked[0]).evaluate("card => card.scrollIntoView({block: 'start'})")
                for part in (".left", ".decision .primary"):
                    await expect(card_of(page, asked[0]).locator(part)).to_be_in_viewport()
                await expect(page.get_by_role("button", name=ALLOW)).to_have_count(1)
                await context.close()
