"""What one new line costs a long transcript: the browser styles what changed, and not every line again."""

import asyncio
import json

import pytest
from playwright.async_api import Browser, expect

from tests.app_server import AppServer, Person
from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser

LINES = 330  # more than the page shows, so that a line leaves it with each that comes
# A selector such as `thead ~ tbody`, whose first part has neither class, id nor attribute, makes the browser style everything that
# stands after whatever is inserted or removed: 3,009 elements of a transcript, instead of 76.
MOST = 300


async def test_a_new_line_styles_no_other_lines(
    app_server: AppServer, browser: Browser, voice: Person, sign_in: SignIn
) -> None:
    live = await app_server.start(voice.agents[0])
    page = await sign_in(voice)
    async with app_server.api(voice.agents[0]) as api:

        async def say(*texts: str) -> None:
            turns = [{"speaker": "customer", "text": text} for text in texts]
            assert (await api.post(f"/interactions/{live}/turns", json=turns)).is_success

        for start in range(0, LINES, 100):
            await say(*(f"line {number}" for number in range(start, min(start + 100, LINES))))
        await page.goto(f"/interactions/{live}")
        last = page.locator("#timeline li").last
        await expect(last).to_contain_text(f"line {LINES - 1}")
        await expect(page.locator("#connection")).to_have_text("Live")
        await asyncio.sleep(1)
        await browser.start_tracing(page=page, categories=["devtools.timeline", "blink"])
        await say("one more")
        await expect(last).to_contain_text("one more")
        await asyncio.sleep(1)
        events = json.loads(await browser.stop_tracing())["traceEvents"]
    styled = [
        event["args"].get("elementCount", 0)
        for event in events
        if event["name"] == "UpdateLayoutTree" and "elementCount" in event["args"]
    ]
    assert styled
    assert max(styled) < MOST, styled
