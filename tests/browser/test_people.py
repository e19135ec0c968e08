"""People and accounts in a real Chromium, by keyboard."""

import asyncio
import re

import pytest
from playwright.async_api import Browser, Route, expect

from tests.app_server import PASSWORD, AppServer, Person
from tests.browser.conftest import SignIn
from tests.outbox import emails, path_in

pytestmark = pytest.mark.browser

TWICE = """async () => {
  const button = document.querySelector("form[action='/account/name'] button");
  button.click();
  await new Promise((done) => setTimeout(done, 100));
  button.click();
}"""


async def test_somebody_is_invited_by_keyboard_alone_and_comes_in(
    app_server: AppServer, browser: Browser, sign_in: SignIn
) -> None:
    admin = await app_server.hire("admin")
    page = await sign_in(admin)
    await page.goto("/people/new")
    email = f"invited-{admin.username.split()[-1]}@example.com"
    await page.get_by_role("radio", name="Supervisor of voice agents").focus()
    await page.keyboard.press("ArrowUp")  # round to admin, who has no username
    await expect(page.get_by_label("Username")).to_be_hidden()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("radio", name="Supervisor of chat agents")).to_be_checked()
    for words in (email, "Ida Invited"):
        await page.keyboard.press("Tab")
        await page.keyboard.type(words)
    await page.keyboard.press("Tab")
    await page.keyboard.type("UPPER case")
    await expect(page.get_by_label("Password", exact=True)).to_be_hidden()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("2 to 100 small letters")).to_be_visible()
    await expect(page.get_by_label("E-mail", exact=True)).to_have_value(email)  # nothing typed is lost
    await page.get_by_label("Username").fill(f"ida-{email[8:14]}")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("The invitation was sent.")

    context = await browser.new_context(base_url=app_server.url)
    hers = await context.new_page()
    await hers.goto(path_in(emails(app_server, email)[-1]))
    await expect(hers.get_by_label("Password", exact=True)).to_be_focused()
    await hers.keyboard.type(PASSWORD)
    await hers.keyboard.press("Tab")
    await hers.keyboard.type(PASSWORD)
    await hers.keyboard.press("Enter")
    await expect(hers.locator("#connection")).to_have_text("Live")
    await expect(hers.get_by_role("link", name="Ida Invited")).to_be_visible()

    # Deactivated in one browser, gone from the other, whose stream is open.
    await page.reload()
    await page.get_by_text("Deactivate …").click()
    await page.get_by_role("button", name="Deactivate Ida Invited").click()
    await expect(page.get_by_role("status")).to_contain_text("signed out everywhere")
    await expect(hers).to_have_url(f"{app_server.url}/login")
    await context.close()


async def test_another_browser_is_signed_out_and_leaves_its_page(voice: Person, sign_in: SignIn) -> None:
    here, there = await sign_in(voice), await sign_in(voice)
    await here.goto("/account")
    rows = here.locator("#account li", has_not=here.get_by_text("this browser"))
    await (
        rows.filter(has=here.get_by_role("button", name="Sign out", exact=True)).get_by_role("button").click()
    )
    await expect(here.get_by_role("status")).to_have_text("That browser was signed out.")
    await expect(there).to_have_url(re.compile(r"/login(\?|$)"))


async def test_a_second_click_while_the_answer_is_on_its_way_sends_nothing(
    voice: Person, sign_in: SignIn
) -> None:
    page, sent = await sign_in(voice), list[str]()

    async def slow(route: Route) -> None:
        sent.append(route.request.url)
        await asyncio.sleep(0.5)
        await route.continue_()

    await page.goto("/account")
    await page.route("**/account/name", slow)
    await page.get_by_label("Name").fill("Renamed Once")
    await page.evaluate(TWICE)
    await expect(page.get_by_text("Your name was changed.")).to_be_visible()
    assert len(sent) == 1


async def test_an_interaction_that_moves_away_says_so_to_who_had_it_open(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    taker = await app_server.hire("voice", agents=0)
    interaction = await app_server.start(voice.agents[0])
    page = await sign_in(voice)
    await page.goto(f"/interactions/{interaction}")
    await expect(page.locator("#connection")).to_have_text("Live")
    async with app_server.browser_of(await app_server.hire("admin")) as admin:
        moved = await admin.post(f"/agents/{voice.agents[0].id}/move", data={"supervisor_id": str(taker.id)})
        assert moved.status_code == 303
    await expect(page.get_by_text("There is no such interaction.")).to_be_visible()
