"""The first day of a server that other machines reach, in a real Chromium: from the printed link to an admin who decides."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.test_floor import ALLOW
from tests.browser.test_queue import armed, card_of
from tests.conftest import a_folder, free_port, serving
from tests.embedded.test_sample_people import OPEN, link_of

pytestmark = [pytest.mark.browser, pytest.mark.full]


async def test_the_first_day_of_a_server_that_others_reach(browser: Browser) -> None:
    with a_folder() as folder, serving(folder / "home", free_port(), **OPEN) as app_server:
        link = await link_of(app_server)
        assert link is not None
        context = await browser.new_context(base_url=app_server.url)
        page = await context.new_page()
        await page.goto(link)
        await page.get_by_label("E-mail").fill("ada@example.org")
        await page.get_by_label("Name").fill("Ada")
        await page.get_by_label("Password").fill("short")
        await page.get_by_role("button", name="Create admin").click()
        await expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_label("Name")).to_have_value("Ada")
        await page.get_by_label("Password").fill("correct horse")
        await page.get_by_role("button", name="Create admin").click()
        await expect(page.get_by_role("status")).to_contain_text("You are the admin")
        await page.get_by_role("link", name="Sign in").click()
        await page.get_by_label("E-mail").fill("ada@example.org")
        await page.get_by_label("Password").fill("correct horse")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Wallboard")).to_be_visible()
        await expect(page.locator("#connection")).to_contain_text("Live")
        person = await app_server.hire("voice")
        agent = person.agents[0]
        asked = await app_server.ask(agent, await app_server.start(agent))
        await armed(page, asked)
        await card_of(page, asked).get_by_role("button", name=ALLOW).click()
        await expect(card_of(page, asked)).to_contain_text("allowed by Ada")
        await page.goto(link)
        await expect(page.get_by_text("This link does not work")).to_be_visible()
        await context.close()
