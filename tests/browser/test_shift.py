"""A shift with forty requests and two drills, by keyboard alone and by touch alone: each as the person pressed, none by accident."""

from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Browser, Error, Locator, Page, expect

from tests.app_server import PASSWORD, AppServer, Person
from tests.browser.test_floor import ALLOW
from tests.browser.test_open_request import ask_many
from tests.browser.test_queue import Asked, armed, card_of, statuses
from tests.conftest import free_port, prepared, serving
from tests.floor.test_views import measure
from tests.permissions.test_drills import outcomes, send

pytestmark = [pytest.mark.browser, pytest.mark.full]

REQUESTS = 40
CAUGHT, FELL_FOR = "This was a drill, and you caught it.", "It ought to have been denied; nothing ran."


async def entered(page: Page, person: Person) -> None:
    await page.goto("/login")
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#connection")).to_have_text("Live")


async def as_pressed(app_server: AppServer, asked: list[Asked], pressed: dict[str, str]) -> None:
    assert await statuses(app_server, *asked) == [pressed[one["id"]] for one in asked]


async def heard(app_server: AppServer, person: Person, asked: list[Asked]) -> None:
    """An interaction that was silent for most of the shift is heard again, as a drill demands."""
    await measure(app_server, person.agents[0], asked[0]["interaction_id"], sentiment="good")


def id_of(card: str | None) -> str:
    return str(card).removeprefix("tool-permission-")


def current(page: Page) -> Locator:
    return page.locator('.tool-permission.pending[data-js-open="yes"]')


async def next_by_keyboard(page: Page, status: str, reason: str) -> tuple[str, Locator]:
    """Go to the next request and answer it; its id and its card."""
    await page.keyboard.press("j")
    await expect(current(page)).to_have_attribute("data-js-selected", "yes")
    id_ = id_of(await current(page).get_attribute("id"))
    card = card_of(page, {"id": id_})
    await expect(card).not_to_contain_text("drill")
    await armed(page, {"id": id_})
    if status == "allowed":
        await page.keyboard.press("a")
    else:
        await page.keyboard.press("d")
        await expect(card.locator("input[name=reason]")).to_be_focused()
        await page.keyboard.type(reason)
        await expect(card.locator(".deny .written button")).to_be_enabled()
        await page.keyboard.press("Enter")
    await expect(card.locator(".outcome")).to_have_text(status)
    await expect(card).to_be_focused()
    return id_, card


async def next_by_touch(page: Page, status: str) -> tuple[str, Locator]:
    """The same by taps, with a preset reason."""
    await expect(page.locator(".tool-permission.pending").first).to_be_attached()
    if not await current(page).count():
        await page.locator(".tool-permission.pending").first.locator("header").tap()
    id_ = id_of(await current(page).get_attribute("id"))
    card = card_of(page, {"id": id_})
    await expect(card).not_to_contain_text("drill")
    await armed(page, {"id": id_})
    if status == "allowed":
        await card.get_by_role("button", name=ALLOW).tap()
    else:
        await card.locator(".deny summary").tap()
        preset = card.get_by_role("button", name="Not allowed by policy")
        while not await card.locator(".outcome").count():  # a tap within the dead time does nothing
            with suppress(Error):  # the reply came between the look and the tap
                await preset.tap(timeout=1000)
            await page.wait_for_timeout(800)
    await expect(card.locator(".outcome")).to_have_text(status)
    return id_, card


async def test_by_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    with serving(prepared(tmp_path / "home"), free_port(), PENDING_PER_AGENT="20") as app_server:
        person, admin = await app_server.hire("voice", agents=2), await app_server.hire("admin")
        asked = await ask_many(app_server, person, REQUESTS)
        context = await browser.new_context(base_url=app_server.url)
        page = await context.new_page()
        await entered(page, person)
        pressed: dict[str, str] = {}
        for number in range(REQUESTS):
            status = "allowed" if number % 3 else "denied"
            id_, card = await next_by_keyboard(page, status, f"No {number}")
            assert id_ not in pressed
            pressed[id_] = status
            if status == "denied":
                await expect(card).to_contain_text(f"No {number}")
        await as_pressed(app_server, asked, pressed)
        async with app_server.browser_of(admin) as sender:
            for status, said in (("denied", CAUGHT), ("allowed", FELL_FOR)):
                await heard(app_server, person, asked)
                await send(sender, person, "new_payee")
                await expect(page.locator(".tool-permission.pending")).to_have_count(1)
                _, card = await next_by_keyboard(page, status, "Whose account?")
                await expect(card).to_contain_text(said)
                await expect(page.locator("#announcement")).to_contain_text("This was a drill")
        assert await outcomes(app_server, person) == ["caught", "allowed"]
        await as_pressed(app_server, asked, pressed)
        await context.close()


async def test_by_touch_alone(browser: Browser, tmp_path: Path) -> None:
    with serving(prepared(tmp_path / "home"), free_port(), PENDING_PER_AGENT="20") as app_server:
        person, admin = await app_server.hire("voice", agents=2), await app_server.hire("admin")
        asked = await ask_many(app_server, person, REQUESTS)
        context = await browser.new_context(
            base_url=app_server.url, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
        )
        page = await context.new_page()
        await entered(page, person)
        pressed: dict[str, str] = {}
        for number in range(REQUESTS):
            status = "allowed" if number % 3 else "denied"
            id_, _ = await next_by_touch(page, status)
            pressed[id_] = status
            await expect(page.locator(".tool-permission.pending")).to_have_count(REQUESTS - number - 1)
        await as_pressed(app_server, asked, pressed)
        async with app_server.browser_of(admin) as sender:
            for status, said in (("denied", CAUGHT), ("allowed", FELL_FOR)):
                await heard(app_server, person, asked)
                await send(sender, person, "skip_identity")
                _, card = await next_by_touch(page, status)
                await expect(card).to_contain_text(said)
        assert await outcomes(app_server, person) == ["caught", "allowed"]
        await as_pressed(app_server, asked, pressed)
        await context.close()
