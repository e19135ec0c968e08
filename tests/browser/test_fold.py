"""The fold of a long queue does not move what is under a hand; and what a person wrote, or may not press yet, is told."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.app_server import AppServer
from tests.browser.conftest import SignIn
from tests.browser.test_open_request import ask_many, is_open
from tests.browser.test_queue import armed, card_of, decide_elsewhere, opened, point_at

pytestmark = pytest.mark.browser


async def test_nothing_unfolds_above_a_hand(app_server: AppServer, sign_in: SignIn) -> None:
    person = await app_server.hire("voice", agents=3)
    asked = await ask_many(app_server, person, 12)
    page = await sign_in(person)
    await armed(page, *asked)
    for _ in range(10):
        await page.keyboard.press("j")
    await expect(is_open(page)).to_have_id(f"tool-permission-{asked[9]['id']}")
    await point_at(page, asked[9])
    await asyncio.sleep(1.2)
    before = await card_of(page, asked[9]).bounding_box()
    await decide_elsewhere(app_server, await app_server.hire("admin"), asked[1])
    await expect(card_of(page, asked[1])).to_contain_text("denied by")
    await asyncio.sleep(2.2)  # the fold is looked at each second
    assert await card_of(page, asked[9]).bounding_box() == before
    # Nobody is there any more: the first eight that wait are lines, and the open one.
    await page.mouse.move(5, 5)
    await page.evaluate("document.activeElement.blur()")
    await expect(page.locator(".tool-permission.pending").locator("visible=true")).to_have_count(9)


async def test_a_reason_that_was_just_written_is_offered_for_the_next(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice", agents=2)
    asked = await ask_many(app_server, person, 2)
    page = await sign_in(person)
    for number, one in enumerate(asked):
        await opened(page, one)
        await card_of(page, one).locator("summary").click()
        reason = card_of(page, one).get_by_placeholder("Reason, told to the agent")
        await reason.focus()
        await expect(page.locator('#own-reasons option[value="Not on a Sunday"]')).to_have_count(number)
        await reason.fill("Not on a Sunday")
        await reason.press("Enter")
        await expect(card_of(page, one)).to_contain_text("denied by")


async def test_a_button_that_is_dead_at_first_looks_so_in_forced_colours(
    app_server: AppServer, sign_in: SignIn
) -> None:
    person = await app_server.hire("voice")
    [asked] = await ask_many(app_server, person, 1)
    page = await sign_in(person)
    await page.emulate_media(forced_colors="active")
    await opened(page, asked)
    allow = card_of(page, asked).get_by_role("button", name="Allow")
    looks = """(button, dead) => {
      button.setAttribute("aria-disabled", dead);
      const { color, borderTopStyle } = getComputedStyle(button);
      return [color, borderTopStyle];
    }"""
    alive, dead = [await allow.evaluate(looks, one) for one in ("false", "true")]
    assert alive[0] != dead[0]
    assert (alive[1], dead[1]) == ("solid", "dashed")
