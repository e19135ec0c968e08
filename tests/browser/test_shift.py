"""A shift with forty requests and two drills, by keyboard alone and by touch alone: each as the person pressed, none by accident."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.app_server import PASSWORD, AppServer, Person
from tests.browser.test_floor import ALLOW
from tests.browser.test_open_request import ask_many
from tests.browser.test_queue import Asked, armed, card_of, statuses
from tests.conftest import free_port, serving

pytestmark = [pytest.mark.browser, pytest.mark.full]

REQUESTS = 40


async def entered(page: Page, person: Person) -> None:
    await page.goto("/login")
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#connection")).to_have_text("Live")


async def as_pressed(app_server: AppServer, asked: list[Asked], pressed: dict[str, str]) -> None:
    assert await statuses(app_server, *asked) == [pressed[one["id"]] for one in asked]


async def test_by_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path / "home", free_port(), PENDING_PER_AGENT="20") as app_server:
        person = await app_server.hire("voice", agents=2)
        asked = await ask_many(app_server, person, REQUESTS)
        context = await browser.new_context(base_url=app_server.url)
        page = await context.new_page()
        await entered(page, person)
        pressed: dict[str, str] = {}
        for number in range(REQUESTS):
            await page.keyboard.press("j")
            one = page.locator('.tool-permission.pending[data-js-open="yes"]')
            await expect(one).to_have_attribute("data-js-selected", "yes")
            id_ = str(await one.get_attribute("id")).removeprefix("tool-permission-")
            assert id_ not in pressed
            card = card_of(page, {"id": id_})
            await armed(page, {"id": id_})
            if number % 3:
                await page.keyboard.press("a")
                pressed[id_] = "allowed"
            else:
                await page.keyboard.press("d")
                await expect(card.locator("input[name=reason]")).to_be_focused()
                await page.keyboard.type(f"No {number}")
                await expect(card.get_by_role("button", name="Deny tool")).to_be_enabled()
                await page.keyboard.press("Enter")
                pressed[id_] = "denied"
            await expect(card).to_contain_text("allowed by" if number % 3 else f"No {number}")
            await expect(card).to_be_focused()
        await as_pressed(app_server, asked, pressed)
        await context.close()


async def test_by_touch_alone(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path / "home", free_port(), PENDING_PER_AGENT="20") as app_server:
        person = await app_server.hire("voice", agents=2)
        asked = await ask_many(app_server, person, REQUESTS)
        context = await browser.new_context(
            base_url=app_server.url, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
        )
        page = await context.new_page()
        await entered(page, person)
        pressed: dict[str, str] = {}
        for number in range(REQUESTS):
            waiting = page.locator(".tool-permission.pending")
            one = waiting.first
            if not await page.locator('.tool-permission.pending[data-js-open="yes"]').count():
                await one.locator("header").tap()
            one = page.locator('.tool-permission.pending[data-js-open="yes"]')
            id_ = str(await one.get_attribute("id")).removeprefix("tool-permission-")
            card = card_of(page, {"id": id_})
            await armed(page, {"id": id_})
            if number % 3:
                await card.get_by_role("button", name=ALLOW).tap()
                pressed[id_] = "allowed"
            else:
                await card.locator(".deny summary").tap()
                preset = card.get_by_role("button", name="Not allowed by policy")
                while not await card.locator(".outcome").count():  # a tap within the dead time does nothing
                    await preset.tap()
                    await page.wait_for_timeout(800)
                pressed[id_] = "denied"
            await expect(card.locator(".outcome")).to_have_text("allowed" if number % 3 else "denied")
            await expect(waiting).to_have_count(REQUESTS - number - 1)
        await as_pressed(app_server, asked, pressed)
        await context.close()
