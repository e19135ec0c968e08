"""Changed arguments in a real browser: edited, reviewed, allowed; by keyboard alone; a colleague was faster."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn
from tests.browser.test_queue import card_of, decide_elsewhere, opened, statuses

pytestmark = pytest.mark.browser

REFUND: dict[str, Any] = {"order": "W1", "amount": 184.2, "last4": "0420"}


async def asked_for(app_server: AppServer, person: Person, *, accepts: bool = True) -> dict[str, Any]:
    agent = person.agents[0]
    live = await app_server.start(agent)
    return await app_server.ask(agent, live, arguments=REFUND, accepts_changes=accepts)


async def answering(page: Page, asked: dict[str, Any]) -> Any:
    await opened(page, asked)
    await card_of(page, asked).get_by_role("link", name="Reason or changes").click()
    return page.get_by_role("dialog", name="Reason or changes")


async def ready(page: Page) -> None:
    """Wait until the dead time of the dialog's form is over; a form that was just loaded does not say anything yet."""
    await expect(page.locator("#answer")).to_have_attribute("data-js-dead", "no")
    await expect(page.locator('#answer button[aria-disabled="true"]')).to_have_count(0)


async def test_a_value_is_changed_reviewed_and_allowed_by_keyboard(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    asked = await asked_for(app_server, voice)
    await opened(page, asked)
    await card_of(page, asked).get_by_role("link", name="Reason or changes").focus()
    await page.keyboard.press("Enter")
    amount = page.get_by_label("amount number")
    await expect(amount).to_have_value("184.2")
    await amount.focus()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("84")
    review = page.get_by_role("button", name="Review the changes")
    await ready(page)
    await review.focus()
    await page.keyboard.press("Enter")
    allow = page.get_by_role("button", name="with these changes")
    await expect(page.get_by_role("dialog", name="What was changed")).to_contain_text("was 184.2")
    await page.keyboard.press("a")  # keys decide nothing behind the dialog
    await ready(page)
    await page.get_by_role("button", name="Back").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("amount number")).to_have_value("84")
    await ready(page)
    await review.focus()
    await page.keyboard.press("Enter")
    await expect(allow).to_be_visible()
    await ready(page)
    await allow.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#dialog")).to_be_hidden()
    await expect(card_of(page, asked)).to_contain_text(f"allowed with changes by {voice.username}")
    await expect(card_of(page, asked)).to_be_focused()
    async with app_server.api(voice.agents[0]) as api:
        told = (await api.get(f"/tool-permissions/{asked['id']}")).json()
        assert told["changed_arguments"] == REFUND | {"amount": 84}
        claim = {"arguments_digest": told["changed_arguments_digest"]}
        assert (await api.post(f"/tool-permissions/{asked['id']}/execution", json=claim)).status_code == 201


@pytest.mark.full
async def test_a_colleague_who_was_faster_is_named_in_the_dialog(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    asked = await asked_for(app_server, voice)
    dialog = await answering(page, asked)
    await dialog.get_by_label("amount number").fill("1")
    await decide_elsewhere(app_server, await app_server.hire("admin"), asked)
    review = dialog.get_by_role("button", name="Review the changes")
    await ready(page)
    await review.click()
    await expect(page.locator("#dialog")).to_contain_text("is already denied by")
    assert await statuses(app_server, asked) == ["denied"]


@pytest.mark.full
async def test_what_is_not_accepted_is_proposed(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    page = await sign_in(voice)
    asked = await asked_for(app_server, voice, accepts=False)
    dialog = await answering(page, asked)
    await expect(dialog).to_contain_text("takes no changed arguments")
    await dialog.get_by_label("amount number").fill("many")
    review = page.get_by_role("button", name="Review the changes")
    await ready(page)
    await review.click()
    await expect(page.get_by_role("alert").filter(has_text="amount is a number")).to_be_visible()
    await page.get_by_label("amount number").fill("20")
    await page.get_by_label("Reason, told to the agent").locator("visible=true").last.fill("Twenty at most.")
    await ready(page)
    await review.click()
    deny = page.get_by_role("button", name="and propose this")
    await ready(page)
    await deny.click()
    await expect(card_of(page, asked)).to_contain_text("Twenty at most., other arguments proposed")
    async with app_server.api(voice.agents[0]) as api:
        told = (await api.get(f"/tool-permissions/{asked['id']}")).json()
    assert (told["status"], told["proposed_arguments"]) == ("denied", REFUND | {"amount": 20})


async def test_own_reasons_are_offered_when_a_field_is_used(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    first = await app_server.ask(agent, live, arguments=REFUND)
    async with app_server.browser_of(voice) as browser:
        form = {
            "arguments_digest": first["arguments_digest"],
            "status": "denied",
            "reason": "Ask Maya first.",
        }
        await browser.post(f"/tool-permissions/{first['id']}/decision", data=form)
    page = await sign_in(voice)
    asked = await app_server.ask(agent, live, arguments=REFUND)
    await opened(page, asked)
    assert await page.locator("#own-reasons option").count() == 0
    await card_of(page, asked).focus()
    await page.keyboard.press("d")
    await expect(page.locator("#own-reasons option")).to_have_attribute("value", "Ask Maya first.")
