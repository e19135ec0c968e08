"""Text typed into a form when the session ended is there again after the next sign-in."""

import pytest
from playwright.async_api import Page, expect

from tests.accounts.test_ended_sessions import ENDED, end
from tests.app_server import PASSWORD, AppServer, Person
from tests.browser.conftest import SignIn
from tests.browser.test_floor import open_denial

pytestmark = pytest.mark.browser

BACK = "You are signed in again."


async def sign_in_again(page: Page, person: Person) -> None:
    await expect(page.get_by_role("alert").first).to_contain_text(ENDED)
    await page.get_by_label("E-mail", exact=True).fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()


async def test_a_form_that_was_sent_too_late_comes_back_with_what_was_typed(
    app_server: AppServer, sign_in: SignIn
) -> None:
    admin, other = await app_server.hire("admin"), await app_server.hire("admin")
    page = await sign_in(admin)
    await page.goto("/people/new")
    await page.get_by_label("Supervisor of chat agents").check()
    await page.get_by_label("E-mail", exact=True).fill("new.colleague@example.com")
    await page.get_by_label("Name", exact=True).fill("New Colleague")
    await page.get_by_label("With a password that you give them").check()
    await page.get_by_label("Password", exact=True).fill("nobody may keep this")
    await end(app_server, admin)
    await page.get_by_role("button", name="Add person").click()
    kept = await page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    assert "new.colleague" in kept
    assert "nobody may keep this" not in kept
    await sign_in_again(page, admin)
    await expect(page).to_have_url(f"{app_server.url}/people/new")
    await expect(page.locator("main")).to_contain_text(BACK)
    await expect(page.get_by_label("E-mail", exact=True)).to_have_value("new.colleague@example.com")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("New Colleague")
    await expect(page.get_by_label("Supervisor of chat agents")).to_be_checked()
    await expect(page.get_by_label("Password", exact=True)).to_have_value("")
    await page.reload()
    await expect(page.get_by_label("E-mail", exact=True)).to_have_value("")
    # Somebody else who signs in here gets nothing of it.
    await page.get_by_label("E-mail", exact=True).fill("secret.colleague@example.com")
    await end(app_server, admin)
    await page.get_by_role("button", name="Add person").evaluate("(button) => button.form.submit()")
    await sign_in_again(page, other)
    await expect(page.get_by_role("heading", name="Add a person")).to_be_visible()
    await expect(page.get_by_label("E-mail", exact=True)).to_have_value("")
    assert "secret.colleague" not in await page.evaluate("JSON.stringify({...sessionStorage})")


async def test_a_reason_that_was_being_written_comes_back_where_the_page_left_by_itself(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    agent = voice.agents[0]
    asked = await app_server.ask(agent, await app_server.start(agent))
    page = await sign_in(voice)
    card = page.locator(f"#tool-permission-{asked['id']}")
    await open_denial(card)
    await card.get_by_placeholder("Reason").fill("The customer has been paid")
    await end(app_server, voice)
    await sign_in_again(page, voice)
    await expect(page.locator("#connection")).to_have_text("Live")
    await expect(card.get_by_placeholder("Reason")).to_be_visible()
    await expect(card.get_by_placeholder("Reason")).to_have_value("The customer has been paid")
    await expect(page.locator("main")).to_contain_text(BACK)
