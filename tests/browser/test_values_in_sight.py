"""What of a request is in sight: Allow waits for it, and says how much is not."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn, press
from tests.browser.test_floor import ALLOW, metric
from tests.browser.test_open_request import MANY, allowed, ask_many
from tests.browser.test_queue import DEATHS, armed, card_of, deaths, statuses

pytestmark = pytest.mark.browser

HEIGHT = 700  # px of the window


async def on_a_floor(
    app_server: AppServer, sign_in: SignIn, agents: int = 1, above: int = 0, below: int = 0
) -> tuple[Person, Page]:
    """A supervisor and their page, with so many px of something else above and below the queue."""
    person = await app_server.hire("voice", agents=agents)
    page = await sign_in(person)
    await page.set_viewport_size({"width": 1200, "height": HEIGHT})
    await page.evaluate(f"document.getElementById('main').style.padding = '{above}px 0 {below}px'")
    return person, page


async def above(card: Locator) -> float:
    """The distance from the window's upper edge to the card, px."""
    return float(await card.evaluate("card => card.getBoundingClientRect().top"))


async def values_in_sight(card: Locator) -> int:
    """How many rows nothing else lies over."""
    return int(
        await card.evaluate(
            """card => [...card.querySelectorAll(".arguments tr")].filter((row) => {
              const { left, top, width, height } = row.getBoundingClientRect();
              return row.contains(document.elementFromPoint(left + width / 2, top + height / 2));
            }).length"""
        )
    )


@pytest.mark.parametrize("by", ["click", "Enter", "itself"])
async def test_a_request_that_opens_at_the_lower_edge_comes_into_sight(
    app_server: AppServer, sign_in: SignIn, by: str
) -> None:
    person, page = await on_a_floor(
        app_server, sign_in, agents=2, above=440 if by == "itself" else 0, below=500
    )
    asked = (await ask_many(app_server, person, 6, **MANY))[0 if by == "itself" else 5]
    card = card_of(page, asked)
    await expect(card.locator("header")).to_be_attached()
    if by != "itself":
        await page.evaluate("by => scrollBy(0, by)", await above(card) - 600)
        assert 560 < await above(card) < 640
    if by == "click":
        await card.locator("header").click()
    elif by == "Enter":
        await card.locator(".opener").evaluate("opener => opener.focus({ preventScroll: true })")
        await page.keyboard.press("Enter")
    await armed(page, asked)
    assert await values_in_sight(card) >= 3
    assert await above(card) >= 0
    await expect(card.get_by_role("button", name=ALLOW)).to_contain_text("below")


async def test_a_request_of_which_nothing_was_in_sight_is_not_allowed(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person, page = await on_a_floor(app_server, sign_in, above=1000)  # it opens below the edge
    [asked] = await ask_many(app_server, person, 1, **MANY)
    card = card_of(page, asked)
    await armed(page, asked)
    await page.mouse.move(600, 400)
    await page.mouse.wheel(0, await above(card) - 600)
    allow = card.get_by_role("button", name=ALLOW)
    await expect(allow).to_be_in_viewport()
    await expect(allow).to_have_attribute("aria-disabled", "true")
    await expect(allow).to_contain_text("31 values unseen")
    await card.evaluate("card => card.focus({ preventScroll: true })")
    await page.keyboard.press("a")
    await allow.evaluate("button => button.click()")
    place = await allow.bounding_box()
    assert place
    await page.mouse.click(place["x"] + 30, place["y"] + 20)
    assert await statuses(app_server, asked) == ["pending"]
    await page.mouse.wheel(0, 300)
    await armed(page, asked)
    await expect(allow).to_contain_text("below")
    await page.keyboard.press("a")
    await expect(card).to_contain_text("allowed by")


async def test_a_key_allows_nothing_that_is_outside_of_the_window(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person, page = await on_a_floor(app_server, sign_in, below=2000)
    [asked] = await ask_many(app_server, person, 1)
    card = card_of(page, asked)
    await armed(page, asked)
    await page.keyboard.press("j")
    await page.mouse.move(600, 400)
    await page.mouse.wheel(0, 1500)
    allow = card.get_by_role("button", name=ALLOW)
    await expect(allow).not_to_be_in_viewport()
    await page.keyboard.press("a")
    await expect(allow).to_be_in_viewport()
    assert await statuses(app_server, asked) == ["pending"]
    await page.keyboard.press("a")
    await expect(card).to_contain_text("allowed by")


async def test_what_differs_from_the_last_one_is_marked_and_allowed_only_in_sight(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=1)
    agent = person.agents[0]
    live = await app_server.start(agent)
    before = {**MANY, "value_27": "42", "gone": None, "deep": {"amount": 12.5, "to": ["a", "b"]}}
    first = await app_server.ask(agent, live, arguments=before)
    await allowed(app_server, person, first)
    now = {**MANY, "value_27": 42, "deep": {"amount": 9000, "to": ["a", "b"]}, "extra": True}
    asked = await app_server.ask(agent, live, arguments=now)
    page = await sign_in(person)
    await page.set_viewport_size({"width": 1200, "height": HEIGHT})
    card = card_of(page, asked)
    await expect(card.locator(".compared")).to_contain_text("4 changes since the last one, allowed")
    found = await card.locator("tr.changed").all_inner_texts()
    assert [re.sub(r"\s+", " ", one).strip() for one in found] == [
        "value_27 42 was 42 (text) number", "amount 9000 was 12.5 number", "extra true new boolean", "gone no longer sent was null",
    ]  # fmt: skip
    allow = card.get_by_role("button", name=ALLOW)
    await expect(allow).to_be_enabled()  # the changes are scrolled into sight
    box = card.locator(".arguments-scroll")
    await box.evaluate("box => box.scrollTo(0, 0)")
    await expect(allow).to_have_attribute("aria-disabled", "true")
    await expect(allow).to_contain_text("changes unseen")
    await card.focus()
    await page.keyboard.press("a")
    await allow.evaluate("button => button.click()")
    assert await statuses(app_server, asked) == ["pending"]
    await box.evaluate("box => box.scrollTo(0, 10000)")
    await expect(allow).not_to_have_attribute("aria-disabled", "true")
    await page.keyboard.press("a")
    await expect(card).to_contain_text("allowed by")


async def test_a_request_is_read_and_allowed_at_400_percent(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice", agents=1)
    page = await sign_in(person)
    await page.set_viewport_size({"width": 320, "height": 256})  # 1,280 by 1,024, WCAG 2.2, 1.4.10
    [asked] = await ask_many(app_server, person, 1)
    card = card_of(page, asked)
    await card.locator(".arguments tr").first.scroll_into_view_if_needed()
    assert await values_in_sight(card) >= 1
    await armed(page, asked)
    await press(card.get_by_role("button", name=ALLOW))
    await expect(card).to_contain_text("allowed by")


@pytest.mark.parametrize(
    "width", [390, 1200, *(pytest.param(width, marks=pytest.mark.full) for width in (800, 1600, 2560))]
)
async def test_what_allow_says_of_values_out_of_sight_moves_no_button(
    app_server: AppServer, sign_in: SignIn, width: int
) -> None:
    person = await app_server.hire("voice", agents=2)
    page = await sign_in(person)
    await page.set_viewport_size({"width": width, "height": HEIGHT})
    asked = (await ask_many(app_server, person, 2, **MANY))[0]
    await armed(page, asked)
    card = card_of(page, asked)
    allow = card.get_by_role("button", name=ALLOW)
    await expect(allow).to_contain_text("below")
    sizes = """card => [...card.querySelectorAll(".decision :is(button, summary)")].filter((one) => one.checkVisibility())
      .map((one) => one.getBoundingClientRect()).map(({ left, width, height }) => [left, width, height].map(Math.round))"""
    before = await card.evaluate(sizes)
    await page.evaluate(DEATHS)
    async with app_server.api(person.agents[0]) as api:
        for number in range(6):
            await metric(api, asked["interaction_id"], "good", number, f"Line {number}")
            await expect(card.locator(".feed")).to_contain_text(f"Line {number}")
            await expect(allow).to_contain_text("below")
    assert await deaths(page, asked) == 0
    await card.locator(".arguments-scroll").evaluate("box => (box.scrollTo(0, 10000), scrollTo(0, 10000))")
    await expect(allow).not_to_contain_text("below")
    assert await card.evaluate(sizes) == before


@pytest.mark.parametrize(
    ("link", "button"),
    [("Reason or changes", "with this reason"), ("Standing approval", "give a standing approval|more$")],
)
async def test_a_dialog_allows_nothing_that_its_card_hides(
    app_server: AppServer, sign_in: SignIn, link: str, button: str
) -> None:
    person = await app_server.hire("voice", agents=1)
    live = await app_server.start(person.agents[0])
    first = await app_server.ask(person.agents[0], live, arguments={**MANY, "amount": 5})
    await allowed(app_server, person, first)
    page = await sign_in(person)
    await page.set_viewport_size({"width": 1200, "height": HEIGHT})
    asked = await app_server.ask(person.agents[0], live, arguments={**MANY, "amount": 9000})
    card, dialog = card_of(page, asked), page.locator("#dialog")
    await armed(page, asked)  # the change, which is the last value, was scrolled into sight
    box = card.locator(".arguments-scroll")
    await box.evaluate("box => box.scrollTo(0, 0)")
    await expect(card.get_by_role("button", name=ALLOW)).to_contain_text("unseen")
    await card.get_by_role("link", name=link).click()
    allow = dialog.get_by_role("button", name=re.compile(button))
    await expect(dialog).to_contain_text("Its card hides values")
    await page.wait_for_timeout(1000)  # the dead time is over
    await expect(allow).to_have_attribute("aria-disabled", "true")
    await allow.evaluate("button => button.click()")
    await allow.focus()
    await page.keyboard.press("Enter")
    assert await statuses(app_server, asked) == ["pending"]
    await dialog.get_by_role("link", name="Cancel").click()
    await box.evaluate("box => box.scrollTo(0, 10000)")
    await card.get_by_role("link", name=link).click()
    await expect(allow).to_be_enabled()
    await expect(dialog.locator(".not-in-sight")).to_be_hidden()
    await press(allow)
    await expect(card).to_contain_text("allowed by")
