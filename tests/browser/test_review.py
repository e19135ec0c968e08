"""The review of an interaction in a real Chromium: by pointer and keyboard, with and without its scripts."""

import re

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


async def test_what_is_typed_beside_a_note_that_is_saved_stays(
    app_server: AppServer, voice: Person, sign_in: SignIn
) -> None:
    one = await finish(app_server, voice, said="My kettle broke")
    page = await sign_in(voice)
    await page.goto(f"/interactions/{one}")
    for text in ("The first", "The second"):
        await page.locator("#note-words").fill(text)
        await page.locator(".new-note").get_by_role("button", name="Add").click()
        await expect(page.locator("#notes li", has_text=text)).to_have_count(1)
    notes = page.locator("#notes li")
    edit = notes.first.get_by_role("textbox", name="The note")
    await page.locator("#note-words").fill("Half of a th")
    await page.locator("#note-line").select_option(index=1)
    await notes.first.locator("summary").click()
    await edit.fill("The first, again")
    await notes.nth(1).locator("summary").click()
    await notes.nth(1).get_by_role("button", name="Withdraw").click()
    await expect(notes.nth(1)).to_contain_text("Withdrawn")
    await expect(page.locator("#note-words")).to_have_value("Half of a th")
    await expect(page.locator("#note-line")).not_to_have_value("")
    await expect(edit).to_have_value("The first, again")
    await expect(edit).to_be_visible()
    await page.locator(".new-note").get_by_role("button", name="Add").click()
    await expect(notes.nth(2)).to_contain_text("on what was said")
    await expect(edit).to_have_value("The first, again")
    await notes.first.get_by_role("button", name="Save").click()
    await expect(notes.first.locator(".words")).to_have_text("The first, again")
    await expect(page.locator("#note-words")).to_have_value("")


async def test_a_note_is_written_on_any_line(app_server: AppServer, voice: Person, sign_in: SignIn) -> None:
    """Also on one that is older than those of the choice, or came after the page."""
    agent = voice.agents[0]
    live = await app_server.start(agent)
    async with app_server.api(agent) as api:
        for start in (0, 80):
            turns = [{"speaker": "customer", "text": f"Line {start + n}."} for n in range(80)]
            assert (await api.post(f"/interactions/{live}/turns", json=turns)).is_success
        page = await sign_in(voice)
        await page.context.add_cookies([{"name": "own-zone", "value": "Asia/Tokyo", "url": app_server.url}])
        await page.goto(f"/interactions/{live}")
        await expect(page.locator("#connection")).to_have_text("Live")
        about = page.get_by_role("combobox", name="What it is about")
        shown = await page.locator("li[data-entry]", has_text="Line 159.").locator("time").text_content()
        await expect(about.locator("option", has_text="Line 159.")).to_have_text(
            f"{shown} customer: Line 159."
        )
        await api.post(f"/interactions/{live}/turns", json={"speaker": "customer", "text": "The newest."})
        for words, note in (("Line 3.", "An old one"), ("The newest.", "A new one")):
            line = page.locator("li[data-entry]", has_text=words)
            await line.locator("a.at").click()
            await expect(about.locator("option:checked")).to_have_text(
                re.compile(rf"^\d\d:\d\d:\d\d customer: {words}$")
            )
            await page.locator("#note-words").fill(note)
            await page.locator(".new-note").get_by_role("button", name="Add").click()
            await expect(page.locator("#notes li", has_text=note)).to_contain_text("on what was said")
            target = await page.locator("#notes li", has_text=note).get_by_role("link").get_attribute("href")
            assert target == f"/interactions/{live}#{await line.get_attribute('id')}"
