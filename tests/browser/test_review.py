"""The review of an interaction in a real Chromium: by pointer and keyboard, with and without its scripts."""

import pytest
from playwright.async_api import Browser, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn, without_javascript
from tests.interactions.test_interaction_search import finish

pytestmark = pytest.mark.browser


async def test_an_interaction_is_reviewed_without_a_reload(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    one = await finish(app_server, voice, said="My kettle broke", phone_number="+18505550155")
    page = await sign_in(voice)
    await page.goto(f"/interactions/{one}")
    await expect(page.locator("#connection")).to_have_text("Live")
    await page.evaluate("() => (window.mark = 1)")
    # A note; the field is empty afterwards and keeps the focus of the keyboard within the form.
    words = page.locator("#note-words")
    await words.fill("Prompt 15 should stop that.")
    await page.locator(".new-note").get_by_role("button", name="Add").click()
    await expect(page.locator("#notes li")).to_contain_text("Prompt 15 should stop that.")
    await expect(words).to_have_value("")
    await expect(words).to_be_focused()
    # The scorecard by arrows; each choice is saved, and the focus stays.
    await page.get_by_role("radio", name="No").first.focus()
    await page.keyboard.press("Space")
    await expect(page.locator("#scorecard .total")).to_contain_text("0 of 100")
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#scorecard .total")).to_contain_text("50 of 100")
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#scorecard .total")).to_contain_text("100 of 100")
    await expect(page.locator("#criterion-1-yes")).to_be_focused()
    # The flag, the number and a tag.
    await page.locator("#flag summary").click()
    await page.get_by_label("Reason").fill("A third kettle")
    await page.get_by_role("button", name="Flag", exact=True).click()
    await expect(page.locator("#flag summary")).to_have_text("Flagged for review")
    await expect(page.locator("#flag summary")).to_be_focused()
    await page.get_by_role("button", name="Show number").click()
    await expect(page.locator("#number")).to_have_text("+18505550155")
    await page.locator("#new-tag").fill("Kettle")
    await page.keyboard.press("Enter")
    await expect(page.locator("#tags li")).to_contain_text("kettle")
    assert await page.evaluate("() => window.mark") == 1
    # Edited in another window meanwhile: nothing typed is lost.
    other = await page.context.new_page()
    await other.goto(f"/interactions/{one}")
    for window, text in ((other, "Prompt 16 should."), (page, "Prompt 17 should.")):
        await window.locator("#notes summary").click()
        await window.get_by_role("textbox", name="The note").fill(text)
        await window.locator("#notes details").get_by_role("button", name="Save").click()
        if window is other:
            await expect(window.locator("#notes li .words")).to_have_text(text)
    await expect(page.locator("#notes .fault")).to_contain_text("changed meanwhile")
    await expect(page.get_by_role("textbox", name="The note")).to_have_value("Prompt 17 should.")
    await expect(page.locator("#notes li .words")).to_have_text("Prompt 16 should.")
    await page.locator("#notes details").get_by_role("button", name="Save").click()
    await expect(page.locator("#notes li .words")).to_have_text("Prompt 17 should.")


@pytest.mark.full
async def test_a_review_works_without_scripts(app_server: AppServer, voice: Person, browser: Browser) -> None:
    one = await finish(app_server, voice, phone_number="+18505550155")
    async with without_javascript(browser, app_server, voice) as page:
        await page.goto(f"/interactions/{one}")
        await page.locator("#criterion-2-partly").check()
        await page.get_by_role("button", name="Save Correct information").click()
        await expect(page.locator("#scorecard .total")).to_contain_text("50 of 100")
        await page.locator("#note-words").fill("Without scripts")
        await page.locator(".new-note").get_by_role("button", name="Add").click()
        await expect(page.locator("#notes li")).to_contain_text("Without scripts")
        await page.locator("#flag summary").click()
        await page.get_by_role("button", name="Flag", exact=True).click()
        await expect(page.locator("#flag summary")).to_have_text("Flagged for review")
        await page.get_by_role("button", name="Show number").click()
        await expect(page.locator("#whole-number")).to_have_text("+18505550155")
