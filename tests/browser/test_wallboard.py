"""The wallboard in a real Chromium: from a small screen to a wall nothing is cut off, and filters, order and view hold."""

import re
from typing import Any, Literal

import pytest
from playwright.async_api import Locator, Page, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn
from tests.browser.test_axe import complaints
from tests.browser.test_floor import metric
from tests.browser.test_silence import fall_silent

pytestmark = pytest.mark.browser

LINE = "Customer: I was promised a call back on Monday and nobody called. Put me through to a person now, please."
SIZES = [(1152, 800), (1440, 900), (2560, 1440), (3840, 2160)]
# Of a row: each part that must be seen, and whether it is inside of its list and the window, whole, and under no other element.
SEEN = """(row) => {
  const list = row.closest(".wall-list").getBoundingClientRect();
  const parts = [".satisfaction-now", ".sentiment", ".name", ".said > span"].map((one) => [one, row.querySelector(one)]);
  return parts.map(([name, part]) => {
    const { left, right, top, bottom, width } = part.getBoundingClientRect();
    const at = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    const whole = left >= list.left && right <= list.right + 1 && part.scrollWidth <= part.clientWidth + 1;
    return [name, part.checkVisibility() && width > 0 && (whole || part.clientWidth === 0), part === at || part.contains(at) || at.contains(part), Math.round(width)];
  });
}"""


async def floor_of(app_server: AppServer, *states: tuple[str, int]) -> tuple[Person, list[str]]:
    """A supervisor, and an interaction per state: (sentiment, satisfaction), in which LINE was said last."""
    person = await app_server.hire("voice", agents=len(states))
    lives = []
    for agent, (sentiment, score) in zip(person.agents, states, strict=True):
        live = await app_server.start(agent, phone_number="+18505550155")
        lives.append(live)
        async with app_server.api(agent) as api:
            await metric(api, live, sentiment, score, LINE)
    return person, lives


async def names(page: Page) -> list[str]:
    found: list[str] = await page.locator(".live-list .name a").all_inner_texts()
    return found


async def height(row: Locator) -> float:
    found: float = await row.evaluate("(row) => row.getBoundingClientRect().height")
    return found


async def live(page: Page) -> None:
    await expect(page.locator("#connection")).to_have_text("Live")


@pytest.mark.full
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_sentiment_score_silence_and_last_line_are_seen_on_every_screen(
    app_server: AppServer, sign_in: SignIn, scheme: Literal["light", "dark"]
) -> None:
    person, lives = await floor_of(app_server, ("critical", 12), ("neutral", 50), ("good", 91))
    await fall_silent(app_server, lives[1], 130)
    await app_server.ask(person.agents[0], lives[0])
    page = await sign_in(await app_server.hire("admin"))
    await page.emulate_media(color_scheme=scheme)
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        await page.goto(f"/?supervisor={person.username}")
        await live(page)
        rows = page.locator(".live-list tbody tr")
        await expect(rows).to_have_count(3)
        await expect(rows.nth(1).locator(".sentiment")).to_have_text(re.compile(r"Silent \d:\d\d"))
        await expect(rows.nth(1).locator(".satisfaction-now")).to_have_text("50% last")
        for n in range(3):
            seen: list[list[Any]] = await rows.nth(n).evaluate(SEEN)
            assert all(whole and on_top for _, whole, on_top, _ in seen), (width, seen)
            assert seen[-1][-1] >= 330, (width, seen)
        strip, filters = [await page.locator(one).bounding_box() for one in ("#supervisors", ".filters")]
        assert strip is not None
        assert filters is not None
        assert strip["y"] + strip["height"] <= filters["y"], (width, strip, filters)
        silent = page.locator("#numbers .silent dd")
        await expect(silent).to_have_text(re.compile(r"\d+"))
        assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        assert not await complaints(page), (width, scheme)


async def test_a_filter_that_matches_nothing_says_what_it_hides_and_hides_no_request(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person, lives = await floor_of(app_server, ("good", 91))
    page = await sign_in(await app_server.hire("admin"))
    await page.get_by_placeholder("Supervisor").fill("nobody-has-this")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?supervisor=nobody-has-this")
    await live(page)
    await expect(page.locator(".no-match")).to_have_text(
        re.compile(r"No matches; \d+ interactions? (is|are) hidden\. Clear")
    )
    await expect(page.locator("#interactions")).not_to_contain_text("All quiet")
    await expect(page.get_by_placeholder("Supervisor")).to_be_focused()
    asked = await app_server.ask(person.agents[0], lives[0])
    for filters in ("supervisor=nobody-has-this", "sentiment=critical", "type=chat", "stale=1"):
        await page.goto(f"/?{filters}")
        await expect(page.locator(f"#tool-permission-{asked['id']}")).to_be_attached()
        await expect(page.locator(f"#interaction-{lives[0]}")).to_have_count(0)
    assert not await complaints(page)
    await page.goto("/?supervisor=nobody-has-this&sort=newest")
    await page.get_by_role("link", name="Clear").click()
    await page.wait_for_url("**/?sort=newest")
    await expect(page.locator(f"#interaction-{lives[0]}")).to_be_visible()


async def test_the_order_is_kept_by_updates_and_by_a_reload(app_server: AppServer, sign_in: SignIn) -> None:
    person, lives = await floor_of(app_server, ("good", 90), ("critical", 40), ("neutral", 60))
    one, two, three = (agent.name for agent in person.agents)
    page = await sign_in(await app_server.hire("admin"))
    await page.goto(f"/?supervisor={person.username}")
    await live(page)
    assert await names(page) == [two, three, one]
    await page.locator("select[name=sort]").select_option("newest")
    await page.wait_for_url("**/?supervisor=*&sort=newest")
    await live(page)
    assert await names(page) == [three, two, one]
    await expect(page.locator("#interactions h2")).to_contain_text("newest first")
    async with app_server.api(person.agents[0]) as api:
        await metric(api, lives[0], "critical", 3, "Now it is bad")
    await expect(page.locator(f"#interaction-{lives[0]}")).to_contain_text("Now it is bad")
    assert await names(page) == [three, two, one]
    await page.reload()
    assert await names(page) == [three, two, one]
    for order, first in (
        ("satisfaction", one),
        ("longest", one),
        ("unheard", two),
        ("supervisor", one),
        ("", one),
    ):
        await page.goto(f"/?supervisor={person.username}&sort={order}")
        assert (await names(page))[0] == first, order


async def test_density_and_columns_are_kept_by_this_browser(app_server: AppServer, sign_in: SignIn) -> None:
    person, lives = await floor_of(app_server, ("good", 90))
    page = await sign_in(await app_server.hire("admin"))
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.goto(f"/?supervisor={person.username}")
    await live(page)
    row = page.locator(f"#interaction-{lives[0]}")
    before = await height(row)
    await page.get_by_role("button", name="View", exact=True).click()
    await page.get_by_label("Compact").check()
    await page.get_by_label("Customer").uncheck()
    await page.get_by_label("Duration").uncheck()
    assert not await complaints(page)
    await page.keyboard.press("Escape")

    async def as_chosen() -> None:
        await expect(row.locator(".customer")).to_be_hidden()
        await expect(row.locator(".duration")).to_be_hidden()
        await expect(row.locator(".said")).to_be_visible()
        assert await height(row) < before

    await as_chosen()
    async with app_server.api(person.agents[0]) as api:
        await metric(api, lives[0], "good", 77, "An update")
    await expect(row).to_contain_text("An update")
    await as_chosen()
    await page.reload()
    await as_chosen()
    tab = await page.context.new_page()
    await tab.goto(f"/?supervisor={person.username}")
    await expect(tab.locator(f"#interaction-{lives[0]} .customer")).to_be_hidden()
    await tab.get_by_role("button", name="View", exact=True).click()
    await tab.get_by_label("Customer").check()
    await expect(row.locator(".customer")).to_be_visible()


async def test_full_screen_has_no_frame_and_tells_the_time(app_server: AppServer, sign_in: SignIn) -> None:
    page = await sign_in(await app_server.hire("admin"))
    for press in ("key", "button"):
        if press == "key":
            await page.locator("h1").click()
            await page.keyboard.press("f")
        else:
            await page.get_by_role("button", name="Full screen").click()
        await expect(page.locator(".frame")).to_be_hidden()
        await expect(page.locator(".wall-clock")).to_have_text(re.compile(r"\w+.*\d\d:\d\d"))
        await expect(page.locator("#numbers")).to_be_visible()
        await page.keyboard.press("f")
        await expect(page.locator(".frame")).to_be_visible()


async def test_the_clock_and_the_zone_that_somebody_chose_leave_the_page_whole(
    app_server: AppServer, sign_in: SignIn
) -> None:
    page = await sign_in(await app_server.hire("admin"))
    look: dict[str, str | float | bool] = {
        "zone": "Asia/Tokyo",
        "clock": "12",
        "theme": "system",
        "density": "comfortable",
    }
    headers = {"Origin": app_server.url}
    saved = await page.request.post("/account/look", form=look, headers=headers, max_redirects=0)
    assert saved.status == 303
    await page.goto("/")
    await live(page)
    await expect(page.locator("#numbers")).to_be_visible()
    await expect(page.locator("body [data-zone]")).to_have_text("Times in Asia/Tokyo")
    await page.locator("h1").click()
    await page.keyboard.press("f")
    await expect(page.locator(".wall-clock")).to_have_text(re.compile(r"\d\s[AP]M Tokyo"))


async def test_the_strip_says_how_each_supervisor_stands_and_filters(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person, lives = await floor_of(app_server, ("critical", 8), ("good", 90))
    await app_server.add_agent(person, "voice", "Idle one")
    await fall_silent(app_server, lives[1], 60)
    await app_server.ask(person.agents[0], lives[0])
    page = await sign_in(await app_server.hire("admin"))
    sentence = f"{person.username}: 2 active, 1 critical, 1 silent, 1 request waiting, 1 agent idle"
    link = page.get_by_role("link", name=sentence)
    await link.click()
    await page.wait_for_url(f"**/?supervisor={person.username}")
    await expect(link).to_have_attribute("aria-current", "true")
    shapes = link.locator(".shape")
    await expect(shapes).to_have_count(3)
    for n, state in enumerate(("critical", "silent", "idle")):
        await expect(shapes.nth(n)).to_have_class(re.compile(state))
    assert await names(page) == [agent.name for agent in person.agents[:2]]
    await link.click()
    await page.wait_for_url(re.compile("/$"))


async def test_rows_keep_their_places_under_a_hand(app_server: AppServer, sign_in: SignIn) -> None:
    person, lives = await floor_of(app_server, ("critical", 10), ("good", 90))
    page = await sign_in(await app_server.hire("admin"))
    await page.goto(f"/?supervisor={person.username}")
    await live(page)
    before = await names(page)
    await page.locator(f"#interaction-{lives[1]}").hover()
    async with app_server.api(person.agents[0]) as api, app_server.api(person.agents[1]) as other:
        await metric(other, lives[1], "critical", 2, "Now the worst")
        await expect(page.locator(f"#interaction-{lives[1]}")).to_contain_text("Now the worst")
        assert await names(page) == before
        await api.post(f"/interactions/{lives[0]}/end", json={"status": "completed"})
    await expect(page.locator(".live-list tr.gone")).to_have_count(1)
    assert await names(page) == before
    await page.locator("h1").hover()
    await expect(page.locator(".live-list tbody tr")).to_have_count(1)
