"""The review of a bad call in a real Chromium: from the number in a complaint to what is printed for somebody else."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn
from tests.browser.test_interaction_page import reviewed

pytestmark = [pytest.mark.browser, pytest.mark.full]


class Hand:
    """A person who presses and types, with a pointer or with the keyboard alone."""

    def __init__(self, page: Page, *, keys: bool) -> None:
        self.page, self.keys = page, keys

    async def reach(self, one: Locator) -> None:
        """Move on with Tab until it has the focus."""
        for _ in range(150):
            if await one.evaluate("(it) => it === document.activeElement"):
                return
            await self.page.keyboard.press("Tab")
        pytest.fail(f"the keyboard does not come to {one}")

    async def press(self, one: Locator, key: str = "Enter") -> None:
        if self.keys:
            await self.reach(one)
            await self.page.keyboard.press(key)
        else:
            await one.click()

    async def write(self, one: Locator, text: str) -> None:
        if self.keys:
            await self.reach(one)
        else:
            await one.click()
        await self.page.keyboard.type(text)


@pytest.mark.parametrize("keys", [False, True], ids=["pointer", "keyboard"])
async def test_from_a_complaint_to_a_printed_interaction(
    app_server: AppServer, voice: Person, sign_in: SignIn, keys: bool
) -> None:
    live = await reviewed(app_server, voice)
    page = await sign_in(await app_server.hire("admin"))
    hand = Hand(page, keys=keys)
    # The complaint names a number.
    await hand.press(page.get_by_role("link", name="Interactions"))
    await hand.write(page.get_by_role("searchbox"), "850 555 0155")
    await page.keyboard.press("Enter")
    line = page.locator(f'a[href^="/interactions/{live}?"]')
    await hand.press(line)
    await expect(page.get_by_role("heading", level=1)).to_contain_text("+1 850 ··· 0155")
    # Where it went wrong: the lowest measurement leads to the line.
    plot = page.locator("#plot")
    await expect(plot.locator("canvas")).to_be_visible()
    if keys:
        await hand.reach(plot)
        await page.keyboard.press("Home")
        for _ in range(2):
            await page.keyboard.press("ArrowRight")
    else:
        box = await plot.locator(".u-over").bounding_box()
        assert box
        await page.mouse.move(box["x"] + box["width"] * 0.66, box["y"] + box["height"] / 2)
    await expect(plot.locator(".read-out")).to_contain_text("Satisfaction 20%")
    # The decision that was denied, with all its arguments.
    ruling = page.locator("#decision-2")
    await expect(ruling).to_contain_text("denied")
    await hand.press(ruling.get_by_text("3 more"))
    await expect(ruling.get_by_text("1-8")).to_be_visible()
    # Flagged, annotated, scored.
    await hand.press(page.locator("#flag summary"))
    await hand.write(page.locator("#flag-reason"), "Complaint of today")
    await hand.press(page.get_by_role("button", name="Flag", exact=True))
    await expect(page.locator("#flag summary")).to_have_text("Flagged for review")
    await hand.write(page.locator("#note-words"), "It offered a third kettle.")
    await hand.press(page.locator(".new-note").get_by_role("button", name="Add"))
    await expect(page.locator("#notes li")).to_contain_text("It offered a third kettle.")
    for criterion, answer in ((1, "yes"), (2, "no")):
        choice = page.locator(f"#criterion-{criterion}-{answer}")
        if keys:
            await hand.reach(page.locator(f"#criterion-{criterion}-no"))
            await page.keyboard.press("Space")
            for _ in range({"no": 0, "yes": 2}[answer]):
                await page.keyboard.press("ArrowRight")
        else:
            await choice.locator("..").click()
        await expect(choice).to_be_checked()
    await expect(page.locator("#scorecard .total")).to_contain_text("50 of 100")
    # On paper.
    await hand.press(page.get_by_role("link", name="Print"))
    printed = page.locator("body")
    for words in (
        "+1 850 ··· 0155",
        "A needle in the hay.",
        "1-8",
        "It offered a third kettle.",
        "Complaint of today",
        "50",
        "Came back broken.",
    ):
        await expect(printed).to_contain_text(words)
    # And it is among those that are to be reviewed.
    await page.goto("/interactions?flag=yes")
    await expect(page.locator(f'a[href^="/interactions/{live}?"]').first).to_be_visible()
